"""The pool: waiting children, bounded queues, zygotes that are replaced and retired."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from underpass.errors import Overloaded, SandboxUnavailable, ValidationFailed
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.lease import dumps
from underpass.sandbox.line import Line
from underpass.sandbox.process import ProcessLimits, ProcessSandbox

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the process sandbox needs Linux"),
]


async def run(
    sandbox: ProcessSandbox, code: str, environment: SandboxEnvironment | None = None
) -> Mapping[str, Any]:
    """Run one program, and return its ``done`` frame when its process has ended."""
    lease = await sandbox.lease("agent", environment)
    limits = {"timeout": 10.0, "max_value": 10_000}
    program = {"op": "run", "run": "r", "code": code, "filename": "p.py", **limits}
    await lease.channel.send(dumps(program))
    answer, _ = await lease.channel.receive()
    lease.release()
    await lease.ended()
    return answer


def packages(folder: Path, **modules: str) -> SandboxEnvironment:
    """An environment of modules given by their text; all are preloaded."""
    folder.mkdir()
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return SandboxEnvironment("test", folder, tuple(modules))


@pytest.mark.requirement("R17")
async def test_a_worn_zygote_is_replaced_without_a_run_noticing(tmp_path: Path) -> None:
    # All children of a zygote share the seed of its string hashes, so it tells them apart.
    async with ProcessSandbox(tmp_path, idle=2, recycle_after=10) as sandbox:
        seeds: list[int] = []
        with anyio.fail_after(30):
            while len(set(seeds)) < 2:
                seeds.append((await run(sandbox, "hash('x')"))["value"])
    assert seeds == sorted(seeds, key=seeds.index)


@pytest.mark.requirement("R17")
async def test_children_of_one_zygote_have_random_numbers_of_their_own(tmp_path: Path) -> None:
    async with ProcessSandbox(tmp_path) as sandbox:
        values = [(await run(sandbox, "import random\nrandom.random()"))["value"] for _ in range(20)]
    assert len(set(values)) == 20


@pytest.mark.requirement("R11")
async def test_an_environments_modules_are_there_and_loaded_once(tmp_path: Path) -> None:
    environment = packages(tmp_path / "packages", heavy="import os, time\nMADE = time.monotonic_ns()")
    async with ProcessSandbox(tmp_path / "work") as sandbox:
        first, second = [
            (await run(sandbox, "import heavy\n[heavy.MADE, heavy.__file__]", environment))["value"]
            for _ in range(2)
        ]
        without = await run(sandbox, "import heavy")
    assert first == second
    assert first[1] == "/packages/heavy.py"
    assert without["error"]["type"] == "ModuleNotFoundError"


@pytest.mark.requirement("R15")
async def test_an_environments_packages_cannot_be_changed(tmp_path: Path) -> None:
    environment = packages(tmp_path / "packages", small="")
    async with ProcessSandbox(tmp_path / "work") as sandbox:
        answer = await run(sandbox, "open('/packages/small.py', 'w')", environment)
    assert answer["error"]["type"] in {"OSError", "PermissionError"}


async def test_an_environment_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    environment = packages(tmp_path / "packages", broken="import nothing_of_this_name")
    async with ProcessSandbox(tmp_path / "work") as sandbox:
        with pytest.raises(SandboxUnavailable, match="nothing_of_this_name"):
            await run(sandbox, "1", environment)
        assert (await run(sandbox, "1"))["value"] == 1


@pytest.mark.requirement("R17")
async def test_an_environment_that_nobody_uses_is_retired_and_comes_back(tmp_path: Path) -> None:
    environment = packages(tmp_path / "packages", clock="import time\nMADE = time.monotonic_ns()")
    async with ProcessSandbox(tmp_path / "work", retire_after=0.05) as sandbox:
        before = (await run(sandbox, "import clock\nclock.MADE", environment))["value"]
        with anyio.fail_after(10):
            while len(sandbox.environments) > 1:
                await anyio.lowlevel.checkpoint()
        after = (await run(sandbox, "import clock\nclock.MADE", environment))["value"]
    assert after > before


@pytest.mark.requirement("R17")
async def test_more_callers_than_places_wait_and_too_many_are_refused(tmp_path: Path) -> None:
    async with ProcessSandbox(tmp_path, idle=1, max_alive=1, max_waiting=1) as sandbox:
        held = await sandbox.lease("agent")
        results: list[Any] = []
        async with anyio.create_task_group() as tasks:

            async def wait() -> None:
                results.append((await run(sandbox, "7"))["value"])

            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Overloaded) as refused:
                await sandbox.lease("agent")
            assert refused.value.data["retry_after"] == 1.0
            assert results == []
            held.release()
        assert results == [7]


async def test_a_bad_name_takes_no_place(tmp_path: Path) -> None:
    async with ProcessSandbox(tmp_path, max_alive=1) as sandbox:
        with pytest.raises(ValidationFailed):
            await sandbox.lease("../x")
        assert (await run(sandbox, "1"))["value"] == 1


@pytest.mark.requirement("R14")
async def test_a_flood_of_orders_to_a_busy_zygote_is_not_lost(tmp_path: Path) -> None:
    async with ProcessSandbox(tmp_path, ProcessLimits(memory_mb=64), idle=2) as sandbox:
        values: list[int] = []
        async with anyio.create_task_group() as tasks:

            async def one(n: int) -> None:
                values.append((await run(sandbox, f"{n}"))["value"])

            for n in range(400):
                tasks.start_soon(one, n)
    assert sorted(values) == list(range(400))


@pytest.mark.requirement("R17")
async def test_who_gives_up_leaves_the_line_and_passes_on_what_it_was_told() -> None:
    line: Line[str] = Line()
    heard: list[tuple[int, str]] = []
    scopes = [anyio.CancelScope() for _ in range(4)]

    async def wait(n: int) -> None:
        with scopes[n]:
            heard.append((n, await line.wait(unwanted=line.tell)))

    async with anyio.create_task_group() as tasks:
        for n in range(4):
            tasks.start_soon(wait, n)
            await anyio.wait_all_tasks_blocked()
        scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        # It is told in the moment in which it gives up: the next in line hears it.
        scopes[0].cancel()
        assert line.tell("first")
        await anyio.wait_all_tasks_blocked()
        assert heard == [(2, "first")]
        line.tell_all("rest")
    assert heard == [(2, "first"), (3, "rest")]
    assert not line.tell("nobody")


@pytest.mark.requirement("R15")
async def test_a_guest_that_says_it_has_ended_and_goes_on_is_killed(tmp_path: Path) -> None:
    async with ProcessSandbox(tmp_path) as sandbox:
        liar = await sandbox.lease("agent")
        liar.channel.finished = True
        liar.release()
        # Its channel is closed, so it ends by itself; one that is stopped cannot.
        assert (await liar.ended()).status in {0, -9}
        busy = await sandbox.lease("agent")
        program = {"op": "run", "run": "", "code": "while True: pass", "filename": "", "timeout": 30.0}
        await busy.channel.send(dumps({**program, "max_value": 1_000}))
        busy.channel.finished = True
        busy.release()
        assert (await busy.ended()).status == -9


@pytest.mark.requirement("R17")
async def test_a_child_that_was_killed_while_it_waited_is_not_leased(tmp_path: Path) -> None:
    async with ProcessSandbox(tmp_path, idle=1) as sandbox:
        await run(sandbox, "1")
        (zygote,) = sandbox._zygotes.values()
        with anyio.fail_after(10):
            while not zygote.idle:
                await anyio.lowlevel.checkpoint()
        (waiting,) = zygote.idle
        os.kill(waiting.process, signal.SIGKILL)
        await waiting.ended()
        assert (await run(sandbox, "2"))["value"] == 2
