"""Results of real runs teach what tools return."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from tests.execution.conftest import server

from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.codegen.documentation import document, signature
from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage
from underpass.codegen.typescript import TypeScriptPackage
from underpass.server.facade import facade
from underpass.shapes import recorder as recorder_module
from underpass.shapes.recorder import ShapeRecorder

pytestmark = [pytest.mark.requirement("R09"), pytest.mark.anyio]

PYTHON = Path(sys.executable)
ROOT = Path(__file__).parents[2]
ISSUES: list[dict[str, Any]] = [
    {"id": 1, "title": "It breaks", "labels": ["bug"]},
    {"id": 2, "title": "It is slow", "labels": [], "assignee": {"login": "ada"}},
]


async def issues(_arguments: Mapping[str, Any]) -> Any:
    return ISSUES


async def text(_arguments: Mapping[str, Any]) -> ToolOutcome:
    return ToolOutcome(content=[{"type": "text", "text": '{"branch": "main", "ahead": 2}'}])


def opened(home: Path, *servers: InMemoryUpstream) -> Any:
    return Underpass.open({each.name: each for each in servers}, sandbox="none", home=home)


async def run(underpass: Underpass, code: str) -> Any:
    result = await underpass.run(code)
    assert result.ok, result.error
    return result.value


CALL = "from mcp_servers import tracker\nlen(await tracker.issues())"


async def test_what_a_run_saw_is_in_signatures_and_documentation_of_the_next(tmp_path: Path) -> None:
    async with opened(tmp_path, server("tracker", issues=issues)) as underpass:
        assert "-> Any" in (await underpass.search_tools("issues"))[0].signature()
        await run(underpass, CALL)
        await run(underpass, CALL)
        [hit] = await underpass.search_tools("issues")
        expected = "list[{id: int, labels: list[str], title: str, assignee?: {login: str}}]"
        assert hit.signature() == f"issues(**extra: Any) -> {expected}  # observed 2 times"
        documented = await run(
            underpass, "from mcp_runtime import get_tool_docs\nawait get_tool_docs('tracker.issues')"
        )
        assert f"`{expected}` (observed 2 times, not declared)" in str(documented)
    async with opened(tmp_path, server("tracker", issues=issues)) as underpass:
        assert "# observed 2 times" in (await underpass.search_tools("issues"))[0].signature()


async def test_text_that_is_json_teaches_as_well(tmp_path: Path) -> None:
    upstream = InMemoryUpstream("git")
    upstream.add(ToolDefinition("git", "status"), text)
    async with opened(tmp_path, upstream) as underpass:
        await run(underpass, "from mcp_servers import git\n(await git.status())['branch']")
        [hit] = await underpass.search_tools("status")
        assert "-> {ahead: int, branch: str}  # observed 1 time" in hit.signature()


async def test_a_changed_definition_starts_anew(tmp_path: Path) -> None:
    async with opened(tmp_path, server("tracker", issues=issues)) as underpass:
        await run(underpass, CALL)
    changed = InMemoryUpstream("tracker")

    async def structured(arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured=await issues(arguments), has_structured=True)

    changed.add(ToolDefinition("tracker", "issues", "Another description"), structured)
    async with opened(tmp_path, changed) as underpass:
        assert "observed" not in (await underpass.search_tools("issues"))[0].signature()
        await run(underpass, CALL)
        assert "observed 1 time" in (await underpass.search_tools("issues"))[0].signature()


async def test_a_failed_call_teaches_nothing(tmp_path: Path) -> None:
    async def fail(_arguments: Mapping[str, Any]) -> Any:
        raise ValueError

    async with opened(tmp_path, server("tracker", issues=fail)) as underpass:
        assert not (await underpass.run(CALL)).ok
        assert "observed" not in (await underpass.search_tools("issues"))[0].signature()
    assert not list((tmp_path / ".underpass").glob("shapes*"))


async def test_a_state_folder_that_cannot_be_written_fails_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tool = ToolDefinition("tracker", "issues")
    (tmp_path / "state").write_text("a file where the folder must be")
    with caplog.at_level(logging.WARNING, "underpass.shapes"):
        async with ShapeRecorder(tmp_path / "state") as recorder:
            observe = recorder.observer(tool)
            observe(ISSUES)
            await recorder.write()
            observe(ISSUES)
            found = recorder.find(tool)
    assert found is not None
    assert found.count == 2
    assert caplog.text.count("cannot be kept") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("half \ud83d a character", {"id": 1}), ("numbers for keys", {1: "a", 2: {None: "b"}})],
)
async def test_what_cannot_be_kept_fails_no_call_and_no_later_write(
    tmp_path: Path, name: str, value: Any
) -> None:
    async with ShapeRecorder(tmp_path) as recorder:
        recorder.observer(ToolDefinition("tracker", name))(value)
        await recorder.write()
        recorder.observer(ToolDefinition("tracker", "issues"))(ISSUES)
    assert ShapeRecorder(tmp_path).find(ToolDefinition("tracker", "issues")) is not None


async def test_a_client_of_the_server_sees_what_was_observed(tmp_path: Path) -> None:
    async with opened(tmp_path, server("tracker", issues=issues)) as underpass:
        await run(underpass, CALL)
        async with Client(facade(underpass, directory=underpass.directory)) as client:
            found = await client.call_tool("search_tools", {"query": "issues"})
            documented = await client.call_tool("get_tool_documentation", {"names": ["tracker.issues"]})
    assert "# observed 1 time" in str(found.structured_content)
    assert "(observed 1 time, not declared)" in str(documented.structured_content)


async def test_observations_are_written_while_the_service_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "WRITE_AFTER", 0.01)
    tool = ToolDefinition("tracker", "issues")
    written = anyio.Event()

    class Announcing(ShapeRecorder):
        async def write(self) -> None:
            await super().write()
            written.set()

    async with Announcing(tmp_path) as recorder:
        recorder.observer(tool)(ISSUES)
        with anyio.fail_after(60):
            await written.wait()
        found = ShapeRecorder(tmp_path).find(tool)
        assert found is not None
        assert found == recorder.find(tool)


async def test_a_declared_type_is_worth_more_than_an_observed_one(tmp_path: Path) -> None:
    declared = ToolDefinition(
        "tracker", "issues", output_schema={"type": "object", "properties": {"total": {"type": "integer"}}}
    )
    vague = [
        ToolDefinition("tracker", "issues", output_schema=schema)
        for schema in (
            None,
            {"type": "object"},
            {"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]},
            {
                "type": "object",
                "properties": {"result": {"items": True, "type": "array"}},
                "required": ["result"],
            },
            {"anyOf": [{"type": "object"}, {"type": "null"}]},
            {"type": "object", "additionalProperties": True},
        )
    ]
    async with ShapeRecorder(tmp_path) as recorder:
        for tool in (declared, *vague):
            recorder.observer(tool)(ISSUES)
        assert signature(declared, observed=recorder.find(declared)).endswith("-> {total?: int}")
        for tool in vague:
            assert signature(tool, observed=recorder.find(tool)).endswith("}]  # observed 1 time")


PROGRAM = """
from mcp_servers import tracker
from mcp_servers.tracker._issues import ResultItem

async def main() -> None:
    found = await tracker.issues()
    found["not", "observed"].anything().at["all"]
    for issue in found:
        print(issue["unheard of"], issue["id"].upper(), issue.title)
    chosen: list[ResultItem] = await tracker.issues()
    number: int = chosen[0]["id"]
    print(number)
"""


def complaints(checker: str, folder: Path) -> str:
    """What a checker says with the rules that it has when nobody chose any."""
    programs = {
        "ty": [PYTHON.with_name("ty"), "check", "program.py"],
        "pyright": [ROOT / "node_modules" / ".bin" / "pyright", "program.py"],
        "deno": [PYTHON.with_name("deno"), "check", "--quiet", "--no-remote", "program.ts"],
    }
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    done = subprocess.run(programs[checker], cwd=folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("checker", ["ty", "pyright"])
async def test_no_use_of_an_observed_result_is_an_error_until_someone_asks_for_the_type(
    tmp_path: Path, checker: str
) -> None:
    tool = ToolDefinition("tracker", "issues", input_schema={"type": "object", "properties": {}})
    recorder = ShapeRecorder(tmp_path / "state")
    recorder.observer(tool)(ISSUES)
    package = PythonPackage({"tracker": [tool]}, observed=recorder.find)
    folder = tmp_path / "checked"
    write_package(package.files(), folder / "mcp_servers")
    source = (folder / "mcp_servers" / "tracker" / "_issues.py").read_text()
    assert ") -> Annotated[Any, list[ResultItem]]:" in source
    assert "(observed 1 time)" in source
    (folder / "program.py").write_text(PROGRAM)
    assert complaints(checker, folder) == ""
    (folder / "program.py").write_text(PROGRAM + '    chosen[0]["unheard of"]\n')
    assert "unheard of" in complaints(checker, folder)


TYPESCRIPT_PROGRAM = """
import { type ListIssuesObserved, listIssues } from "./mcp-servers/tracker/FILE";
const found = await listIssues({});
found.notObserved.anything().at["all"];
const chosen: ListIssuesObserved = await listIssues({});
const number: number | undefined = chosen[0]?.id;
console.log(number);
"""


@pytest.mark.slow
async def test_typescript_promises_any_and_shows_the_observed_type(tmp_path: Path) -> None:
    tool = ToolDefinition("tracker", "list_issues", input_schema={"type": "object", "properties": {}})
    recorder = ShapeRecorder(tmp_path)
    recorder.observer(tool)(ISSUES)
    files = TypeScriptPackage({"tracker": [tool]}, observed=recorder.find).files()
    [(path, source)] = [(path, text) for path, text in files.items() if "listIssues(" in text]
    assert "export type ListIssuesResult = any;" in source
    assert "export type ListIssuesObserved = ListIssuesItem[];" in source
    assert "  assignee?: ListIssuesItemAssignee;" in source
    assert "(observed 1 time, not declared)" in source
    write_package(files, tmp_path / "mcp-servers")
    program = TYPESCRIPT_PROGRAM.replace("tracker/FILE", path)
    (tmp_path / "program.ts").write_text(program)
    assert complaints("deno", tmp_path) == ""
    (tmp_path / "program.ts").write_text(program + "chosen[0]?.unheardOf;")
    assert "unheardOf" in complaints("deno", tmp_path)


async def test_generated_text_changes_seldom_once_much_was_observed(tmp_path: Path) -> None:
    tool = ToolDefinition("tracker", "issues")
    recorder = ShapeRecorder(tmp_path)
    observe = recorder.observer(tool)
    texts: set[str] = set()
    marks: list[str] = []
    for _ in range(1_234):
        observe(ISSUES)
        found = recorder.find(tool)
        assert found is not None
        if found.mark not in marks:
            marks.append(found.mark)
            texts.add(document(tool, observed=found))
    assert marks[9:] == [f"observed {n}+ times" for n in (10, 20, 50, 100, 200, 500)] + [
        "observed 1,000+ times"
    ]
    assert len(texts) == len(marks)
