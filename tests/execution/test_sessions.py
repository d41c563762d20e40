"""Variables, imports and functions survive between the runs of a session."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.execution.conftest import Open, server
from tests.patience import LONG

from underpass import Overloaded, Underpass, ValidationFailed
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.config import SessionSettings
from underpass.execution.modules import GeneratedModules
from underpass.execution.result import RunResult, SessionOfRun
from underpass.execution.sessions import Sessions
from underpass.execution.sessions.held import HeldProcess
from underpass.execution.sessions.notice import Notice, read_notices
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.lease import Channel
from underpass.sandbox.own_process import OwnProcess
from underpass.sandbox.session_sandbox import SessionSandbox

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R19")]


def told(result: RunResult) -> tuple[bool, bool]:
    """Whether a run's session is new, and whether it was lost."""
    assert result.session is not None
    return result.session.new, result.session.lost


async def test_variables_imports_and_functions_survive(opened: Open) -> None:
    async with opened() as up:
        first = await up.run(
            "import math, asyncio\nfrom mcp_servers import demo\nrows = [1, 2]\n"
            "async def ask(n):\n    return (await demo.echo(n=n))['n']\n",
            session="s1",
        )
        assert first.ok
        assert first.session == SessionOfRun("s1", new=True, lost=False)
        second = await up.run(
            "rows.append(await ask(math.floor(3.5)))\nawait asyncio.sleep(0)\nrows", session="s1"
        )
        assert second.value == [1, 2, 3]
        assert told(second) == (False, False)
        assert second.to_dict()["session"] == {"name": "s1", "new": False, "lost": False}
        assert [call.tool for call in second.calls] == ["echo"]
        assert second.run != first.run


async def test_a_top_level_return_keeps_its_names_too(opened: Open) -> None:
    async with opened() as up:
        await up.run("x = 5\nif x:\n    y = 6\n    return 1", session="s1")
        assert (await up.run("x + y", session="s1")).value == 11


async def test_runs_without_a_session_share_nothing(opened: Open) -> None:
    async with opened() as up:
        await up.run("x = 1", session="s1")
        result = await up.run("'x' in globals()")
        assert (result.value, result.session) == (False, None)
        assert "session" not in result.to_dict()


async def test_sessions_of_other_names_and_agents_share_nothing(opened: Open) -> None:
    async with opened() as up:
        await up.run("x = 1", session="s1")
        for agent, name in (("default", "s2"), ("other", "s1")):
            result = await up.run("'x' in globals()", agent=agent, session=name)
            assert result.value is False
            assert told(result) == (True, False)


async def test_an_error_leaves_the_session_and_names_the_lines_of_each_program(opened: Open) -> None:
    async with opened() as up:
        await up.run("x = 1\ndef divide():\n    return x / 0", session="s1")
        failed = await up.run("y = 2\n\ndivide()", session="s1")
        assert failed.error is not None
        assert failed.error.data["line"] == 3
        assert 'File "program.py", line 3, in divide\n    return x / 0' in failed.error.traceback
        assert 'File "program-2.py", line 3' in failed.error.traceback
        assert told(failed) == (False, False)
        assert (await up.run("x + y", session="s1")).value == 3


LOSSES = {
    "timeout": ("while True: pass", 0.5, "Timeout"),
    "waiting": ("import asyncio\nawait asyncio.sleep(60)", 0.5, "Timeout"),
    "crash": ("import os\nos._exit(3)", 30, "SandboxCrashed"),
}


@pytest.mark.parametrize("how", LOSSES)
async def test_a_run_that_is_cut_off_says_that_the_session_was_lost(opened: Open, how: str) -> None:
    code, timeout, error = LOSSES[how]
    async with opened() as up:
        await up.run("x = 1", session="s1")
        lost = await up.run(code, session="s1", timeout=timeout)
        assert lost.error is not None
        assert lost.error.type == error
        assert told(lost) == (False, True)
        assert "the session 's1' was lost" in lost.error.hint
        assert lost.error.data["session_lost"] is True
        assert up.sessions() == []
        again = await up.run("'x' in globals()", session="s1")
        assert again.value is False
        assert told(again) == (True, False)


async def test_a_program_that_the_checker_refuses_leaves_the_session(opened: Open) -> None:
    async with opened() as up:
        refused = await up.run("nothing_like_that", session="s1")
        assert refused.error is not None
        assert told(refused) == (True, False)
        kept = await up.run("x = 1", session="s1")
        assert told(kept) == (True, False)
        later = await up.run("x", session="s1")
        assert later.value == 1
        assert str(later.checked).startswith("skipped: the variables of the session")


async def test_memory_that_is_used_up_can_be_given_back(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"run.memory_mb": 100}) as up:
        failed = await up.run("kept = []\nwhile True: kept.append(bytes(5_000_000))", session="s1")
        assert failed.error is not None
        assert failed.error.type == "LimitExceeded"
        assert told(failed) == (True, False)
        assert (await up.run("count = len(kept); kept.clear(); count > 5", session="s1")).value is True
        assert (await up.run("len(bytes(50_000_000))", session="s1")).value == 50_000_000


BURN = "import time\nbegun = time.process_time()\nwhile time.process_time() < begun + {}: pass"


@pytest.mark.slow
async def test_each_run_has_processor_time_of_its_own(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"run.cpu_seconds": 2}) as up:
        for _ in range(2):
            assert (await up.run(BURN.format(1.1), session="s1")).ok
        over = await up.run(BURN.format(60), session="s1")
        assert over.error is not None
        assert over.error.data["limit"] == "cpu_seconds"
        assert told(over) == (False, True)


@pytest.mark.slow
async def test_a_program_that_does_not_heed_its_processor_time_is_ended(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"run.cpu_seconds": 1}) as up:
        await up.run("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)", session="s1")
        over = await up.run(BURN.format(60), session="s1")
        assert over.error is not None
        assert over.error.data["limit"] == "cpu_seconds"
        assert told(over) == (False, True)


async def test_nothing_of_a_session_runs_between_its_runs(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        await up.run(
            "import threading, time, os\nticks = 0\ndef tick():\n    global ticks\n"
            "    while True:\n        ticks += 1\n        time.sleep(0.001)\n"
            "threading.Thread(target=tick, daemon=True).start()\nos.getpid()",
            session="s1",
        )
        with anyio.fail_after(LONG):
            while stats(up)[0].split()[2] != "T":  # stopped: it takes no processor time
                await anyio.lowlevel.checkpoint()
        result = await up.run("before = ticks\nwhile ticks == before: time.sleep(0.001)\nTrue", session="s1")
        assert result.value is True


def stats(up: Underpass) -> list[str]:
    """What the kernel says of the processes of all sessions."""
    held = [session.held for session in up._sessions._sessions.values()]  # pyright: ignore[reportPrivateUsage] - nobody else needs to know
    return [Path(f"/proc/{each.lease.process}/stat").read_text("ascii") for each in held if each is not None]


def processes() -> set[int]:
    """The numbers of all processes."""
    return {int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()}


async def test_answers_that_nobody_waited_for_do_not_reach_the_next_run(opened: Open) -> None:
    async with opened() as up:
        first = await up.run(
            "import asyncio\nfrom mcp_servers import demo\n"
            "tasks = [asyncio.ensure_future(demo.echo(n=n)) for n in range(20)]\nawait asyncio.sleep(0)\n1",
            session="s1",
        )
        assert first.ok
        second = await up.run("(await demo.echo(n=7))['n']", session="s1")
        assert second.value == 7
        assert told(second) == (False, False)


class Gate:
    """A tool that answers when the test lets it."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self.open = anyio.Event()

    async def wait(self, _arguments: Mapping[str, Any]) -> Any:
        self.reached.set()
        await self.open.wait()
        return {}


WAIT = "from mcp_servers import gate\nawait gate.wait()\nx = 1"


async def test_a_run_waits_for_its_turn(opened: Open) -> None:
    gate = Gate()
    results: list[RunResult] = []
    async with opened(server("gate", wait=gate.wait)) as up, anyio.create_task_group() as tasks:

        async def run(code: str) -> None:
            results.append(await up.run(code, session="s1"))

        tasks.start_soon(run, WAIT)
        await gate.reached.wait()
        assert [info.busy for info in up.sessions()] == [True]
        tasks.start_soon(run, "x + 1")
        with pytest.raises(Overloaded, match="busy"):
            await up.run("x", session="s1", timeout=0.05)
        gate.open.set()
    assert [result.value for result in results] == [None, 2]


async def test_only_so_many_runs_wait_for_one_session(opened: Open) -> None:
    gate = Gate()
    refused: list[str] = []
    async with opened(server("gate", wait=gate.wait)) as up, anyio.create_task_group() as tasks:

        async def run(code: str) -> None:
            try:
                await up.run(code, session="s1")
            except Overloaded as error:
                refused.append(error.message)
                gate.open.set()

        tasks.start_soon(run, WAIT)
        await gate.reached.wait()
        for _ in range(9):
            tasks.start_soon(run, "x")
    assert refused == ["the session 's1' is busy: 8 runs wait for it"]


async def test_a_session_can_be_ended_idle_or_busy(opened: Open) -> None:
    gate = Gate()
    results: list[RunResult] = []
    async with opened(server("gate", wait=gate.wait)) as up:
        await up.run("x = 1", session="s1")
        assert up.end_session("s1", agent="other") is False
        assert up.end_session("s1") is True
        assert up.end_session("s1") is False
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                results.append(await up.run(WAIT, session="s1"))

            tasks.start_soon(run)
            await gate.reached.wait()
            assert up.end_session("s1") is True
        assert told(results[0]) == (True, True)
        assert results[0].error is not None


async def test_a_run_that_is_cancelled_takes_its_session_along(opened: Open) -> None:
    gate = Gate()
    async with opened(server("gate", wait=gate.wait)) as up:
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                await up.run(WAIT, session="s1")

            tasks.start_soon(run)
            await gate.reached.wait()
            tasks.cancel_scope.cancel()
        assert up.sessions() == []
        assert told(await up.run("1", session="s1")) == (True, False)


async def test_the_oldest_idle_session_makes_room_and_ordinary_runs_need_none(opened: Open) -> None:
    gate = Gate()
    async with opened(server("gate", wait=gate.wait), **{"sessions.max": 2}) as up:
        for name in ("s1", "s2", "s3"):
            await up.run("x = 1", session=name)
        assert [info.name for info in up.sessions()] == ["s2", "s3"]
        assert told(await up.run("x = 1", session="s1")) == (True, False)
        async with anyio.create_task_group() as tasks:

            async def run(name: str) -> None:
                await up.run(WAIT, session=name)

            for name in ("s1", "s3"):
                gate.reached = anyio.Event()
                tasks.start_soon(run, name)
                await gate.reached.wait()
            with pytest.raises(Overloaded, match="all 2 sessions are at work"):
                await up.run("1", session="s4")
            assert (await up.run("1 + 1")).value == 2
            gate.open.set()


async def test_sessions_that_take_too_much_memory_together_are_ended(opened: Open) -> None:
    async with opened(**{"sessions.memory_mb": 100}) as up:
        for name in ("s1", "s2"):
            assert (await up.run("x = b'1' * 60_000_000\n1", session=name)).ok
        assert [info.name for info in up.sessions()] == ["s2"]
        assert up.sessions()[0].memory_bytes > 60_000_000


async def test_a_session_that_was_killed_while_idle_begins_anew(opened: Open) -> None:
    async with opened() as up:
        await up.run("x = 1", session="s1")
        number = int(stats(up)[0].split()[0])
        os.kill(number, 9)
        handle = os.pidfd_open(number)
        await anyio.wait_readable(handle)
        os.close(handle)
        assert told(await up.run("1", session="s1")) == (True, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"session": "../s1"}, "a session cannot be called"),
        ({"session": "s1", "agent": "../x"}, "agent"),
        ({"session": "s1", "rollback_on_error": True}, "cannot be undone"),
    ],
)
async def test_what_no_session_can_be_is_refused(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        with pytest.raises(ValidationFailed, match=message):
            await up.run("1", **arguments)
        assert up.sessions() == []


def versioned(name: str) -> ToolDefinition:
    schema = {"type": "object", "properties": {name: {"type": "integer"}}, "required": [name]}
    return ToolDefinition("demo", "echo", "The tool echo", input_schema=schema)


async def test_modules_that_changed_are_used_once_they_are_imported_again(opened: Open) -> None:
    upstream = InMemoryUpstream("demo")

    async def handle(arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured=dict(arguments), has_structured=True)

    upstream.add(versioned("old"), handle)
    async with opened(upstream) as up:
        assert (await up.run("from mcp_servers import demo\nawait demo.echo(old=1)", session="s1")).ok
        upstream.add(versioned("new"), handle)
        await up.catalog.refresh("demo")
        again = await up.run("from mcp_servers import demo\nawait demo.echo(new=2)", session="s1")
        assert again.value == {"new": 2}


async def test_nothing_is_left_when_underpass_ends(opened: Open, tmp_path: Path) -> None:
    async with opened() as up:
        for name in ("s1", "s2"):
            await up.run("x = 1", session=name)
        numbers = {int(line.split()[0]) for line in stats(up)}
        expected = [("s1", os.getpid(), False), ("s2", os.getpid(), False)]
        found: list[tuple[str, int, bool]] = []
        with anyio.fail_after(30):
            # It is written beside the runs.
            while found != expected:
                await anyio.lowlevel.checkpoint()
                notices = read_notices(tmp_path / ".underpass/sessions")
                found = [(each["name"], each["pid"], each["busy"]) for each in notices]
    assert len(numbers) == 2
    assert not numbers & processes()
    assert read_notices(tmp_path / ".underpass/sessions") == []


HOST = """
import anyio, sys
from underpass import Underpass

async def main():
    async with Underpass.open(None, home=sys.argv[1], sandbox=sys.argv[2]) as up:
        for name in ("s1", "s2"):
            await up.run("x = 1", session=name)
        held = [session.held for session in up._sessions._sessions.values()]
        print(*(each.lease.process for each in held), flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.mark.parametrize("tier", ["process", "none"])
async def test_no_session_outlives_a_host_that_is_killed(tmp_path: Path, tier: str) -> None:
    command = [sys.executable, "-c", HOST, str(tmp_path), tier]
    async with await anyio.open_process(command, stderr=None) as host:
        assert host.stdout is not None
        line = await BufferedByteReceiveStream(host.stdout).receive_until(b"\n", 1_000)
        numbers = [int(number) for number in line.split()]
        handles = [os.pidfd_open(number) for number in numbers]
        host.kill()
        with anyio.fail_after(LONG):
            for handle in handles:
                await anyio.wait_readable(handle)
                os.close(handle)
    assert len(numbers) == 2


async def test_a_session_that_nobody_uses_is_ended(tmp_path: Path) -> None:
    now = 0.0
    async with (
        SessionSandbox(tmp_path / "workspace", idle=1) as place,
        Underpass.open(None, home=tmp_path) as up,
        Sessions(
            {"python": place},
            GeneratedModules(up.catalog),
            SessionSettings(idle_seconds=600),
            cpu_seconds=30,
            notice=Notice(tmp_path / "sessions"),
            clock=lambda: now,
        ) as sessions,
    ):
        for name in ("s1", "s2"):
            turn = await sessions.enter("default", name, None, patience=30)
            turn.release()
            now += 400
        assert [(info.name, info.idle_seconds) for info in sessions.list()] == [("s2", 400)]
        turn = await sessions.enter("default", "s2", None, patience=30)
        now += 1_000
        assert [info.busy for info in sessions.list()] == [True], "never in the middle of a run"
        turn.release()
        assert sessions.expire() == 600
        now += 600
        assert sessions.list() == []


async def test_a_session_has_the_same_packages_in_all_its_runs(tmp_path: Path) -> None:
    async with (
        SessionSandbox(tmp_path / "workspace", idle=1) as place,
        Underpass.open(None, home=tmp_path) as up,
        Sessions(
            {"python": place},
            GeneratedModules(up.catalog),
            SessionSettings(),
            cpu_seconds=30,
            notice=Notice(tmp_path / "sessions"),
        ) as sessions,
    ):
        (await sessions.enter("default", "s1", None, patience=30)).release()
        other = SandboxEnvironment("data", tmp_path)
        with pytest.raises(ValidationFailed, match="the session 's1' has no environment"):
            await sessions.enter("default", "s1", other, patience=30)
        assert [info.busy for info in sessions.list()] == [False]


def test_a_process_that_has_ended_uses_nothing_and_takes_no_orders() -> None:
    ours, theirs = socket.socketpair()
    with theirs, subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        held = HeldProcess(OwnProcess(process, Channel(ours, max_frame=1_000)))
        assert (held.has_ended, held.cpu(), held.memory()) == (True, 0, 0)
        held.resume(30)
        held.pause()
        held.end()


def test_a_notice_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    notice = Notice(tmp_path)
    notice.write([])
    (file,) = tmp_path.glob("*.json")
    file.write_text("{")
    assert read_notices(tmp_path) == []
    notice.remove()
    assert list(tmp_path.glob("*.json")) == []
