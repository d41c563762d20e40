"""What a type checker tells the author of a program about generated modules."""

from pathlib import Path

import pytest
from tests.codegen.checkers import complaints
from tests.codegen.definitions import of, tool

from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage

pytestmark = pytest.mark.requirement("R03", "R13")

SCHEMA = {
    **of(
        repo={"type": "string"},
        limit={"type": "integer", "default": 10},
        order={"enum": ["asc", "desc"]},
        filters={"type": "array", "items": {**of(field={"type": "string"}, value={}), "required": ["field"]}},
        tree={"$ref": "#/$defs/tree"},
        options={**of(deep={"type": "boolean"}), "additionalProperties": True},
        pair={"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
    ),
    "required": ["repo"],
    "$defs": {"tree": of(name={"type": "string"}, children={"items": {"$ref": "#/$defs/tree"}})},
}
OUTPUT = {
    "type": "array",
    "items": {**of(sha={"type": "string"}, parents={"type": "integer"}), "required": ["sha"]},
}

RIGHT = [
    'await git.log(repo=".")',
    'await git.log(repo=".", limit=3, order="asc", filters=[{"field": "x"}, {"field": "y", "value": None}])',
    'await git.log(repo=".", tree={"name": "a", "children": [{"children": []}]})',
    'await git.log(repo=".", options={"deep": True, "other": 1}, pair=(1, "x"))',
    'await git.log(repo=".", pair=[1, "x"])',
    'sum(len(commit["sha"]) for commit in await git.log(repo="."))',
    '(await git.log(repo="."))[0].get("parents")',
    "await log(repo='.')",
]
WRONG = [
    "await git.log()",
    'await git.log(".")',
    "await git.log(repo=1)",
    'await git.log(repo=".", limt=3)',
    'await git.log(repo=".", order="up")',
    'await git.log(repo=".", filters=[{"value": 1}])',
    'await git.log(repo=".", tree={"children": [{"name": 1}]})',
    "await git.lg(repo='.')",
    '(await git.log(repo="."))[0]["shaa"]',
    '(await git.log(repo=".")).sha',
    "await mcp_servers.gti.log(repo='.')",
]


def _program(directory: Path, expression: str) -> None:
    write_package(
        PythonPackage({"git": [tool("log", SCHEMA, output=OUTPUT)]}).files(), directory / "mcp_servers"
    )
    (directory / "program.py").write_text(
        "import mcp_servers\nfrom mcp_servers import git\nfrom mcp_servers.git import log\n\n\n"
        f"async def program() -> None:\n    print(log, git, mcp_servers)\n    print({expression})\n",
        "utf-8",
    )


@pytest.mark.parametrize("checker", ["ty", pytest.param("pyright", marks=pytest.mark.slow)])
@pytest.mark.parametrize("expression", RIGHT)
def test_a_right_program_has_no_complaints(checker: str, expression: str, tmp_path: Path) -> None:
    _program(tmp_path, expression)

    assert complaints(checker, tmp_path) == ""


@pytest.mark.parametrize("checker", ["ty", pytest.param("pyright", marks=pytest.mark.slow)])
@pytest.mark.parametrize("expression", WRONG)
def test_a_wrong_program_is_told_before_it_runs(checker: str, expression: str, tmp_path: Path) -> None:
    _program(tmp_path, expression)

    assert "program.py" in complaints(checker, tmp_path)
