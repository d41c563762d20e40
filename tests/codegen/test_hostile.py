"""Definitions made to break the generator end as working code, or left out with a reason."""

import builtins
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.codegen.checkers import complaints
from tests.codegen.conftest import Generate
from tests.codegen.definitions import foreign_statements, tool
from tests.codegen.hostile import hostile_tools

from underpass.codegen.documentation import document, signature
from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage

TOOLS = hostile_tools()
LEFT_OUT = {
    "name: '\\ud800'",
    "input: null",
    "input: a list",
    "input: a text",
    "input: a number",
    "output: a list",
    "output: a text",
    "output: a number",
    "a name that is no text",
    "a description that is no text",
    "a title that is no text",
}


@pytest.mark.requirement("R08")
@pytest.mark.parametrize("case", TOOLS)
def test_a_hostile_definition_ends_as_a_working_function_or_left_out_with_a_reason(
    case: str, generate: Generate
) -> None:
    hostile = TOOLS[case]
    generated = generate({"hostile": [hostile, tool("healthy")]})
    functions = [name for name in generated.package.hostile.__all__ if name != "healthy"]

    assert generated.package.hostile.healthy.__name__ == "healthy"
    if case in LEFT_OUT:
        [finding] = generated.findings
        assert finding.action == "quarantined"
        assert finding.reason
        assert functions == []
    else:
        assert generated.findings == ()
        function = getattr(generated.package.hostile, functions[0])
        arguments = _arguments(function)
        anyio.run(lambda: function(**arguments))
        called, name, sent = generated.runtime.calls[-1]
        assert (called, name) == ("hostile", hostile.name)
        assert list(sent.values()) == list(arguments.values())
    for path in (generated.directory / "hostile").glob("*.py"):
        assert path.stat().st_size < 5_000_000
        assert foreign_statements(path.read_text("utf-8")) == []
    assert not hasattr(builtins, "UNDERPASS_BREACHED")


def _arguments(function: Callable[..., Any]) -> dict[str, int]:
    """A value for each parameter of a function, required or not."""
    parameters = inspect.signature(function).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    return {name: place for place, name in enumerate(names)}


@pytest.mark.requirement("R08", "R22")
@pytest.mark.parametrize("case", [case for case in TOOLS if case not in LEFT_OUT])
def test_a_hostile_definition_has_bounded_documentation(case: str) -> None:
    line = signature(TOOLS[case])
    page = document(TOOLS[case])

    assert "\n" not in line
    assert len(line) <= 2_000
    assert len(page) <= 4_000
    for text in (line, page):
        assert text.replace("\n", "").isprintable()


@pytest.mark.requirement("R08")
@pytest.mark.parametrize("checker", ["ty", pytest.param("pyright", marks=pytest.mark.slow)])
def test_what_hostile_definitions_become_passes_strict_type_checks(checker: str, tmp_path: Path) -> None:
    servers = {f"server {case}": [hostile] for case, hostile in TOOLS.items()}
    package = PythonPackage(servers)
    write_package(package.files(), tmp_path / "mcp_servers")

    assert complaints(checker, tmp_path) == ""
