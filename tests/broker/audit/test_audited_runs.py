"""What stands in the audit trail after runs and calls of every kind."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from tests.broker.audit.trails import all_lines

from underpass import PermissionDenied, ToolNotFound, Underpass, ValidationFailed
from underpass.broker.audit import verify
from underpass.broker.journal import JournalStore
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.digest import tool_digest
from underpass.catalog.secret_store import SecretStore
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R37")]

PYTHON = """
from mcp_servers import demo
[(await demo.note(label="hush"))["label"], (await demo.read(label="b"))["label"]]
"""
TYPESCRIPT = """
import { demo } from "mcp-servers";
return [(await demo.note({ label: "hush" })).label, (await demo.read({ label: "b" })).label];
"""
Row = dict[str, Any]


class World:
    """A server in this process, and a project."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / ".underpass" / "audit"
        self.scope = anyio.CancelScope()
        """Ended during the call that is labelled ``cut``."""
        self._server = InMemoryUpstream("demo")
        self.tools: dict[str, ToolDefinition] = {}
        for tool, hints in (
            ("note", {}),
            ("read", {"readOnlyHint": True}),
            ("remove", {"destructiveHint": True}),
        ):
            schema = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
            self.tools[tool] = ToolDefinition("demo", tool, tool, input_schema=schema, annotations=hints)
            self._server.add(self.tools[tool], self._call)

    async def _call(self, arguments: Mapping[str, Any]) -> ToolOutcome:
        if arguments["label"] == "bad":
            return ToolOutcome(content=[{"type": "text", "text": "no such berth"}], is_error=True)
        if arguments["label"] == "cut":
            self.scope.cancel()
            await anyio.sleep_forever()
        return ToolOutcome(structured=dict(arguments), has_structured=True)

    @asynccontextmanager
    async def opened(self, **settings: Any) -> AsyncGenerator[Underpass]:
        chosen = {"run.check": False, **settings}
        async with Underpass.open({"demo": self._server}, home=self.home, settings=chosen) as up:
            yield up

    def rows(self, *kinds: str) -> list[Row]:
        """The rows of these kinds; of all kinds but the trail's own where none is named."""
        assert verify(self.folder).faults == []
        rows = [orjson.loads(line) for line in all_lines(self.folder)]
        return [row for row in rows if (row["kind"] in kinds if kinds else row["kind"] != "segment")]


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path)


def some(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


@pytest.mark.parametrize(("code", "language"), [(PYTHON, "python"), (TYPESCRIPT, "typescript")])
async def test_a_run_its_decisions_and_its_calls_are_recorded(world: World, code: str, language: str) -> None:
    async with world.opened() as up:
        result = await up.run(code, language=language, agent="harbour")
        assert result.value == ["hush", "b"]
    rows = world.rows()
    assert [row["kind"] for row in rows] == ["began", "decision", "call", "decision", "call", "ended"]
    assert {some(row, "run", "agent") for row in rows} == {(result.run, "harbour")}
    began, decision, call, _, read, ended = rows
    assert some(began, "language", "attempt", "session") == (language, 1, None)
    assert began["code"] == hashlib.sha256(code.encode()).hexdigest()
    assert ended["cause"] == "ok"
    journal = JournalStore(world.home / ".underpass" / "journal")
    first, second = journal.calls(result.run)
    journal.close()
    for row, recorded in ((decision, first), (call, first), (read, second)):
        assert some(row, "server", "tool") == ("demo", recorded.tool)
        assert row["definition"] == recorded.definition == tool_digest(world.tools[recorded.tool])
        assert row["arguments"] == recorded.digest
        assert some(row, "decision", "outcome") == ("allow", "allowed")
        assert row["rule"]
    assert some(call, "reached", "error", "bytes_in", "bytes_out") == ("server", None, 16, 16)
    assert call["duration_ms"] >= 0


async def test_neither_arguments_nor_results_nor_code_are_in_the_files(world: World) -> None:
    async with world.opened() as up:
        await up.run(PYTHON)
        await up.call_tool("demo", "note", {"label": "hush"})
    assert len(world.rows("call")) == 3
    for path in filter(Path.is_file, world.folder.rglob("*")):
        assert b"hush" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


async def test_how_a_run_ends_is_recorded(world: World) -> None:
    async with world.opened() as up:
        await up.run("1 / 0")
        await up.run("while True: pass", timeout=0.2)
        with world.scope:
            await up.run('from mcp_servers import demo\nawait demo.note(label="cut")')
        with pytest.raises(ValidationFailed):
            await up.run("1", max_tokens=0)
    assert [row["cause"] for row in world.rows("ended")] == ["ZeroDivisionError", "Timeout", "Interrupted"]
    assert [some(row, "reached", "error") for row in world.rows("call")] == [("server", "Cancelled")]


async def test_calls_that_fail_say_how_and_whether_they_were_sent(world: World) -> None:
    code = """
from mcp_runtime import ToolError, call_tool
for tool, arguments in (("no", {}), ("note", {"label": 1}), ("note", {"label": "bad"})):
    try:
        await call_tool("demo", tool, arguments)
    except ToolError:
        pass
"""
    async with world.opened() as up:
        result = await up.run(code)
        assert result.ok, result.error
    assert [some(row, "tool", "reached", "error") for row in world.rows("call")] == [
        ("no", "nothing", "ToolNotFound"),
        ("note", "nothing", "ToolArgumentsInvalid"),
        ("note", "server", "ToolFailed"),
    ]
    assert [row["tool"] for row in world.rows("decision")] == ["note"]


@pytest.mark.parametrize("language", ["python", "typescript"])
async def test_calls_that_are_refused_are_recorded(world: World, language: str) -> None:
    rules = [{"tool": "note", "decision": "deny"}]
    python = """
from mcp_runtime import PermissionDenied
from mcp_servers import demo
seen = 0
for tool in (demo.note, demo.remove, demo.read):
    try:
        await tool(label="x")
    except PermissionDenied:
        seen += 1
seen
"""
    typescript = """
import { demo } from "mcp-servers";
import { PermissionDenied } from "mcp-runtime";
let seen = 0;
for (const tool of [demo.note, demo.remove, demo.read]) {
  try { await tool({ label: "x" }); } catch (error) { if (error instanceof PermissionDenied) seen++; }
}
return seen;
"""
    async with world.opened(**{"policy.rules": rules}) as up:
        result = await up.run(python if language == "python" else typescript, language=language)
        assert (result.error, result.value) == (None, 2)
    assert [some(row, "tool", "decision", "outcome") for row in world.rows("decision")] == [
        ("note", "deny", "refused"),
        ("remove", "ask", "unanswered"),
        ("read", "allow", "allowed"),
    ]
    calls = world.rows("call")
    assert [some(row, "reached", "error", "outcome") for row in calls] == [
        ("nothing", "PermissionDenied", "refused"),
        ("nothing", "PermissionDenied", "unanswered"),
        ("server", None, "allowed"),
    ]
    assert calls[0]["rule"] == "rule 1"


async def test_what_a_person_allows_was_asked(world: World) -> None:
    async with world.opened() as up:
        code = 'from mcp_servers import demo\n(await demo.remove(label="x"))["label"]'

        async def answer(_question: object) -> Any:
            return "once"

        assert (await up.run(code, ask=answer)).value == "x"
    (decision,) = world.rows("decision")
    assert some(decision, "decision", "outcome") == ("ask", "allowed")


async def test_calls_from_outside_of_programs_are_recorded(world: World) -> None:
    async with world.opened() as up:
        await up.call_tool("demo", "note", {"label": "a"}, agent="clerk")
        with pytest.raises(PermissionDenied):
            await up.call_tool("demo", "remove", {"label": "a"})
        with pytest.raises(ToolNotFound):
            await up.call_tool("gone", "\ud800" + "x" * 5_000, {})
    rows = world.rows("call")
    assert [some(row, "agent", "reached") for row in rows] == [
        ("clerk", "server"),
        ("default", "nothing"),
        ("default", "nothing"),
    ]
    assert rows[2]["tool"] == "\\ud800" + "x" * 999


async def test_runs_of_a_session_name_it(world: World) -> None:
    async with world.opened() as up:
        await up.run("from mcp_servers import demo", session="s1")
        await up.run('await demo.note(label="a")', session="s1")
    assert [row["session"] for row in world.rows("began")] == ["s1", "s1"]
    (call,) = world.rows("call")
    assert call["run"] == world.rows("began")[1]["run"]


async def test_calls_that_a_resumed_run_does_not_make_again_are_marked(world: World) -> None:
    code = """
from mcp_servers import demo
for label in ("a", "bad", "cut"):
    try:
        await demo.read(label=label)
    except Exception:
        pass
"""
    async with world.opened() as up:
        with world.scope:
            await up.run(code)
    (began,) = world.rows("began")
    world.scope = anyio.CancelScope()
    async with world.opened() as up:
        with world.scope:
            await up.resume(began["run"])
    first, second = world.rows("began")
    assert some(second, "run", "attempt", "code") == (first["run"], 2, first["code"])
    calls = world.rows("call")
    assert [some(row, "reached", "error") for row in calls] == [
        ("server", None),
        ("server", "ToolFailed"),
        ("server", "Cancelled"),
        ("journal", None),
        ("journal", "ToolFailed"),
        ("server", "Cancelled"),
    ]
    digests = [some(row, "definition", "arguments") for row in calls]
    assert digests[:3] == digests[3:]
    # Nothing is decided about a call that is not made.
    assert len(world.rows("decision")) == 4


async def test_two_hosts_write_one_trail(world: World) -> None:
    other = World(world.home)
    async with world.opened() as up, other.opened() as beside, anyio.create_task_group() as tasks:
        for each in (up, beside) * 3:
            tasks.start_soon(each.run, PYTHON)
    assert len(world.rows("call")) == 12
    assert len(world.rows("ended")) == 6


async def test_where_the_trail_cannot_be_written_it_is_said_once_and_runs_go_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.folder.parent.mkdir(parents=True)
    world.folder.write_text("in the way")
    async with world.opened() as up:
        assert (await up.run(PYTHON)).ok
        assert (await up.run(PYTHON)).ok
    said = [record.getMessage() for record in caplog.records if record.name == "underpass.audit"]
    assert len(said) == 1
    assert "what happens now is not recorded" in said[0]


async def test_calls_that_cannot_be_recorded_are_refused_where_they_have_to_be(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.folder.parent.mkdir(parents=True)
    world.folder.write_text("in the way")
    code = """
from mcp_runtime import ToolUnavailable
from mcp_servers import demo
said = []
for tool in (demo.note, demo.read):
    try:
        await tool(label="x")
    except ToolUnavailable as error:
        said.append(str(error))
said
"""
    async with world.opened(**{"audit.required": True}) as up:
        result = await up.run(code)
        assert len(result.value) == 2
        assert "demo.read was not called: the audit trail cannot be written" in result.value[1]
        world.folder.unlink()
        assert (await up.run(code)).value == []
    assert "calls are refused" in caplog.text
    lost, *_ = world.rows()
    assert (lost["kind"], lost["rows"] > 0) == ("lost", True)
    assert [row["reached"] for row in world.rows("call")][-2:] == ["server", "server"]


@pytest.mark.parametrize("setting", ["secret", "keyring://audit"])
async def test_the_key_of_the_settings_keys_the_trail(world: World, setting: str) -> None:
    SecretStore(world.folder.parent).set("audit", "secret")
    async with world.opened(**{"audit.key": setting}) as up:
        await up.run("1")
    assert verify(world.folder, key=b"secret").is_keyed
    assert not verify(world.folder).ok
