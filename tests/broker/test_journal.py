"""Runs that are cut short at a certain call, and their second life."""

import logging
import sqlite3
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from underpass import CallUnknown, RunResult, Underpass, ValidationFailed
from underpass.broker.journal import CallRecord, JournalStore, journal, replay
from underpass.broker.journal.run import INLINE
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R20")]

THREE = """
from mcp_servers import demo
[(await demo.note(label=label))["count"] for label in "abc"]
"""


class World:
    """A server in this process, and a project that outlives each ``Underpass``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.made: list[str] = []
        """The labels of the calls that have reached the server."""
        self.cut_at = ""
        """The label of the call during which the run ends."""
        self._scope: anyio.CancelScope | None = None
        self._server = InMemoryUpstream("demo")
        for tool, hints in (
            ("note", {}),
            ("read", {"readOnlyHint": True}),
            ("set", {"idempotentHint": True}),
        ):
            schema = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
            definition = ToolDefinition("demo", tool, tool, input_schema=schema, annotations=hints)
            self._server.add(definition, self._call)

    async def _call(self, arguments: Mapping[str, Any]) -> ToolOutcome:
        label = str(arguments["label"])
        self.made.append(label)
        if label == self.cut_at and self._scope is not None:
            self._scope.cancel()
            await anyio.sleep_forever()
        if label == "break":
            self.spoil()
        for _ in range(2 + ord(label[0]) * 7 % 5):
            # Calls made at once overtake one another.
            await anyio.lowlevel.checkpoint()
        if label == "slow":
            await anyio.sleep_forever()
        if label == "bad":
            return ToolOutcome(content=[{"type": "text", "text": "no such berth"}], is_error=True)
        text = "é" * INLINE if label == "big" else label
        return ToolOutcome(structured={"count": len(self.made), "text": text}, has_structured=True)

    @asynccontextmanager
    async def opened(self, **settings: Any) -> AsyncGenerator[Underpass]:
        chosen = {"run.check": False, **settings}
        async with Underpass.open({"demo": self._server}, home=self.home, settings=chosen) as up:
            yield up

    async def cut(self, code: str, at: str, *, language: str = "python") -> str:
        """Run a program that is interrupted during the call labelled ``at``; returns the run's id."""
        async with self.opened() as up, self.cutting(at):
            await up.run(code, language=language)
        return self.store.runs(1)[0].run

    @asynccontextmanager
    async def cutting(self, at: str) -> AsyncGenerator[None]:
        self.cut_at = at
        with anyio.CancelScope() as self._scope:
            yield
        assert self._scope.cancelled_caught
        self.cut_at = ""

    async def resume(self, run: str, **decisions: Any) -> RunResult:
        async with self.opened() as up:
            return await up.resume(run, **decisions)

    def calls(self, run: str) -> list[CallRecord]:
        return self.store.calls(run)

    def spoil(self) -> None:
        """Let nothing be written of calls any more."""
        for what in ("INSERT", "UPDATE"):
            self.change(
                f"CREATE TRIGGER no_{what} BEFORE {what} ON calls BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )

    def change(self, statement: str) -> None:
        """Change the journal behind its back."""
        with sqlite3.connect(self.store.path) as connection:
            connection.execute(statement)
        connection.close()

    @property
    def store(self) -> JournalStore:
        return JournalStore(self.home / ".underpass" / "journal")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("tool", ["read", "set"])
async def test_finished_calls_are_answered_and_one_that_may_be_repeated_is(world: World, tool: str) -> None:
    code = f"""
from mcp_servers import demo
first = await demo.note(label="a")
second = await demo.{tool}(label="b")
third = await demo.note(label="c")
[first["count"], second["count"], third["count"]]
"""
    run = await world.cut(code, at="b")
    result = await world.resume(run)
    assert (result.run, result.value) == (run, [1, 3, 4])
    assert world.made == ["a", "b", "b", "c"]
    assert [(call.tool, call.ok) for call in result.tool_calls] == [
        ("note", True),
        (tool, True),
        ("note", True),
    ]
    with pytest.raises(ValidationFailed, match="ended by itself, with its value"):
        await world.resume(run)


async def test_an_unknown_call_is_named_and_nothing_runs_until_somebody_decides(world: World) -> None:
    run = await world.cut(THREE, at="b")
    with pytest.raises(CallUnknown, match=r'call 2, demo\.note\(\{"label":"b"\}\)') as raised:
        await world.resume(run)
    assert [call["sequence"] for call in raised.value.data["calls"]] == [2]
    assert f"underpass resume {run} --call-again 2" in raised.value.hint
    assert world.made == ["a", "b"]
    assert (await world.resume(run, call_again=[2])).value == [1, 3, 4]
    assert world.made == ["a", "b", "b", "c"]


async def test_an_unknown_call_that_has_happened_is_given_the_value_that_was_decided(world: World) -> None:
    run = await world.cut(THREE, at="b")
    assert (await world.resume(run, assume_done={2: {"count": 70}})).value == [1, 70, 3]
    assert world.made == ["a", "b", "c"]


async def test_a_decision_about_a_call_that_is_known_is_refused(world: World) -> None:
    run = await world.cut(THREE, at="b")
    with pytest.raises(ValidationFailed, match="call 1 of run"):
        await world.resume(run, call_again=[1, 2])


async def test_a_run_can_die_more_than_once(world: World) -> None:
    run = await world.cut(THREE.replace("note", "read"), at="b")
    async with world.opened() as up, world.cutting("c"):
        await up.resume(run)
    assert (await world.resume(run)).value == [1, 3, 5]
    assert world.made == ["a", "b", "b", "c", "c"]
    assert world.store.runs(1)[0].attempts == 3


async def test_a_program_that_does_something_else_is_stopped_at_its_first_other_call(world: World) -> None:
    code = """
from pathlib import Path
from mcp_servers import demo
lives = Path("lives")
lives.write_text((lives.read_text() if lives.exists() else "") + "I")
label = "first" if lives.read_text() == "I" else "second"
for each in (label, "b"):
    try:
        await demo.note(label=each)
    except Exception:
        pass
await demo.read(label="end")
"""
    run = await world.cut(code, at="end")
    result = await world.resume(run)
    assert result.error is not None
    assert result.error.type == "RunDiverged"
    assert 'call 1 was demo.note({"label":"first"})' in result.error.message
    assert 'demo.note({"label":"second"})' in result.error.message
    assert world.made == ["first", "b", "end"]


async def test_a_program_that_ends_without_the_calls_it_had_made_has_diverged(world: World) -> None:
    code = """
from pathlib import Path
from mcp_servers import demo
lives = Path("lives")
if not lives.exists():
    lives.touch()
    await demo.note(label="a")
    await demo.read(label="b")
"done"
"""
    result = await world.resume(await world.cut(code, at="b"))
    assert result.error is not None
    assert result.error.type == "RunDiverged"
    assert "the program is over" in result.error.message


async def test_calls_made_at_once_are_answered_in_the_order_in_which_they_were(world: World) -> None:
    code = """
import asyncio
from mcp_servers import demo
seen = []
async def chain(name):
    for number in range(3):
        seen.append((await demo.note(label=f"{name}{number}"))["text"])
await asyncio.gather(chain("a"), chain("b"), chain("c"))
await demo.read(label="end")
seen
"""
    run = await world.cut(code, at="end")
    first = [call for call in world.calls(run) if call.tool == "note"]
    order = sorted(first, key=lambda call: call.ended or 0)
    result = await world.resume(run)
    assert result.value == [call.arguments.split('"')[3] for call in order]
    assert len(world.made) == 11


async def test_equal_calls_are_told_apart_by_their_order(world: World) -> None:
    code = """
from mcp_servers import demo
seen = [(await demo.note(label="same"))["count"] for _ in range(4)]
await demo.read(label="end")
seen
"""
    assert (await world.resume(await world.cut(code, at="end"))).value == [1, 2, 3, 4]


async def test_the_code_sees_again_the_errors_and_refusals_that_it_saw(world: World) -> None:
    code = """
from mcp_servers import demo
from mcp_runtime import ToolFailed, ToolNotFound, call_tool
seen = []
try:
    await demo.note(label="bad")
except ToolFailed as error:
    seen.append(error.message)
try:
    await call_tool("demo", "nothing", {})
except ToolNotFound:
    seen.append("not found")
await demo.read(label="end")
seen
"""
    result = await world.resume(await world.cut(code, at="end"))
    assert result.value == ["no such berth", "not found"]
    assert world.made == ["bad", "end", "end"]


async def test_a_call_that_the_program_gave_up_is_given_up_again(world: World) -> None:
    code = """
import asyncio
from mcp_servers import demo
try:
    await asyncio.wait_for(demo.note(label="slow"), 0.2)
except TimeoutError:
    pass
(await demo.note(label="a"), await demo.read(label="end"))[0]["count"]
"""
    run = await world.cut(code, at="end")
    assert [call.state for call in world.calls(run)] == ["cancelled", "finished", "in flight"]
    assert (await world.resume(run)).value == 2
    assert world.made == ["slow", "a", "end", "end"]


async def test_a_large_result_is_kept_beside_the_journal_and_is_unknown_without_it(world: World) -> None:
    code = """
from mcp_servers import demo
big = await demo.note(label="big")
await demo.read(label="end")
len(big["text"])
"""
    run = await world.cut(code, at="end")
    [digest] = {call.content for call in world.calls(run)} - {None}
    assert digest is not None
    file = world.store.contents / digest[:2] / digest[2:]
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(CallUnknown, match=r"call 1, demo\.note"):
        await world.resume(run)
    file.write_bytes(content)
    assert (await world.resume(run)).value == INLINE
    assert world.made == ["big", "end", "end"]


async def test_a_crashed_sandbox_is_resumed(world: World) -> None:
    code = """
import os
from pathlib import Path
from mcp_servers import demo
first = await demo.note(label="a")
if not Path("crashed").exists():
    Path("crashed").touch()
    os._exit(3)
first["count"] + (await demo.note(label="b"))["count"]
"""
    async with world.opened() as up:
        died = await up.run(code)
        assert died.error is not None
        assert died.error.type == "SandboxCrashed"
        assert (await up.resume(died.run)).value == 3
    assert world.made == ["a", "b"]


async def test_a_typescript_program_is_resumed(world: World) -> None:
    code = """
import { demo } from "mcp-servers";
const [a, b] = await Promise.all([demo.note({ label: "a" }), demo.note({ label: "b" })]);
const end = await demo.read({ label: "end" });
return [a.text, b.text, end.count];
"""
    run = await world.cut(code, at="end", language="typescript")
    assert (await world.resume(run)).value == ["a", "b", 4]
    assert sorted(world.made) == ["a", "b", "end", "end"]


@pytest.mark.parametrize("run", ["nothing", ""])
async def test_only_runs_that_are_known_and_over_are_resumed(world: World, run: str) -> None:
    async with world.opened() as up:
        with pytest.raises(ValidationFailed, match="the journal has no run"):
            await up.resume(run)


async def test_a_run_that_goes_on_in_another_process_is_not_resumed(world: World) -> None:
    run = await world.cut(THREE, at="b")
    async with world.opened() as up, world.opened() as other:
        await other.run(THREE)
        [host] = {each.host for each in world.store.runs(1)}
        world.change(f"UPDATE runs SET ended = NULL, cause = NULL, host = '{host}' WHERE run = '{run}'")
        with pytest.raises(ValidationFailed, match="has not ended yet"):
            await up.resume(run)


async def test_after_a_stop_of_the_machine_a_call_that_the_journal_lacks_is_unknown(world: World) -> None:
    run = await world.cut(
        THREE.replace('"abc"', '"abc"[:1]') + '\nawait demo.read(label="end")\n' + THREE, at="end"
    )
    world.change("UPDATE runs SET boot = 'another', ended = NULL, cause = NULL, host = 'gone'")
    result = await world.resume(run)
    assert result.error is not None
    assert result.error.type == "CallUnknown"
    assert world.made == ["a", "end", "end"]
    with pytest.raises(CallUnknown, match="call 3"):
        await world.resume(run)
    assert (await world.resume(run, call_again=[3])).value == [4, 5, 6]
    assert world.made == ["a", "end", "end", "a", "b", "c"]


@pytest.mark.requirement("R37")
async def test_a_run_is_recorded_with_its_code_and_its_end_whether_or_not_it_calls(world: World) -> None:
    async with world.opened() as up:
        for code in (THREE, "1 + 1", "1 / 0"):
            await up.run(code)
    failed, quiet, calling = world.store.runs(9)
    assert [run.cause for run in (calling, quiet, failed)] == ["ok", "ok", "ZeroDivisionError"]
    assert (calling.code, calling.calls, quiet.calls) == (THREE, 3, 0)
    assert [call.sequence for call in world.calls(calling.run)] == [1, 2, 3]
    assert len({call.definition for call in world.calls(calling.run)}) == 1


async def test_a_damaged_journal_is_kept_aside_and_runs_go_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.opened() as up:
        await up.run(THREE)
    world.store.path.write_bytes(b"no database " * 1_000)
    with caplog.at_level(logging.WARNING, "underpass.journal"):
        async with world.opened() as up:
            assert (await up.run(THREE)).value == [4, 5, 6]
    assert "was kept as journal.sqlite3." in caplog.text
    assert [run.calls for run in world.store.runs(9)] == [3]
    assert len(list(world.store.folder.glob("*.corrupt"))) == 1


async def test_a_journal_of_another_format_is_kept_aside(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.opened() as up:
        await up.run("1")
    world.change("PRAGMA user_version = 99")
    assert world.store.runs(1) == []
    assert "its format is 99" in caplog.text


async def test_a_run_that_stands_in_the_journal_makes_no_call_that_cannot_be_recorded(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Until what was written ahead is to follow, nobody knows that it cannot.
    monkeypatch.setattr(journal, "WRITE_SOON", 0)
    code = """
from mcp_servers import demo
from mcp_runtime import ToolUnavailable
await demo.note(label="break")
read = (await demo.read(label="a"))["count"]
try:
    await demo.note(label="b")
except ToolUnavailable as error:
    return read, error.message
"""
    async with world.opened() as up:
        result = await up.run(code)
    assert result.value == [2, "demo.note was not called: the journal cannot be written"]
    assert world.made == ["break", "a"]
    assert "the journal cannot be kept" in caplog.text


async def test_a_run_that_does_not_stand_in_the_journal_goes_on_without_it(world: World) -> None:
    async with world.opened() as up:
        await up.run(THREE)
        world.spoil()
        assert (await up.run(THREE)).value == [4, 5, 6]


async def test_a_run_of_a_session_is_not_resumed(world: World) -> None:
    async with world.opened() as up:
        run = (await up.run(THREE, session="s")).run
    world.change("UPDATE runs SET cause = 'Interrupted'")
    with pytest.raises(ValidationFailed, match="one of the session s, whose variables are gone"):
        await world.resume(run)


async def test_an_answer_whose_turn_does_not_come_is_given_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PATIENCE", 0.01)
    code = """
import asyncio
from pathlib import Path
from mcp_servers import demo
if not Path("lived").exists():
    Path("lived").touch()
    await asyncio.gather(demo.note(label="a"), demo.note(label="b"))
    await demo.read(label="end")
await demo.note(label="a")
await demo.note(label="c")
"""
    result = await world.resume(await world.cut(code, at="end"))
    assert result.error is not None
    assert 'call 2 was demo.note({"label":"b"})' in result.error.message
    assert world.made == ["a", "b", "end"]


async def test_while_runs_go_on_they_are_written_and_old_ones_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "WRITE_AFTER", 0)
    async with world.opened() as up:
        old = await up.run(THREE)
    world.change("UPDATE runs SET begun = begun - 1e7")
    async with world.opened() as up:
        young = await up.run("1")
        with anyio.fail_after(30):
            while [run.run for run in world.store.runs(2)] != [young.run]:
                await anyio.lowlevel.checkpoint()
    assert world.calls(old.run) == []


async def test_without_a_place_for_the_journal_runs_go_on_and_none_is_resumed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.store.path.mkdir(parents=True)
    async with world.opened() as up:
        result = await up.run(THREE)
        assert result.value == [1, 2, 3]
        with pytest.raises(ValidationFailed, match="the journal cannot be read"):
            await up.resume(result.run)
    assert "the journal cannot be kept, so runs cannot be resumed" in caplog.text


async def test_old_runs_and_the_oldest_of_too_many_are_forgotten(world: World) -> None:
    code = 'from mcp_servers import demo\n(await demo.note(label="big"))["count"]'
    async with world.opened() as up:
        for _ in range(3):
            await up.run(code)
    oldest = world.store.runs(3)[-1].run
    world.change(f"UPDATE runs SET begun = begun - 1e6 WHERE run = '{oldest}'")
    world.store.tidy(days=10, most_bytes=1 << 30)
    assert [run.calls for run in world.store.runs(9)] == [1, 1]
    assert world.calls(oldest) == []
    world.store.tidy(days=10, most_bytes=INLINE)
    assert world.store.runs(9) == []
