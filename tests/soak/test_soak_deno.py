"""Two thousand forked runs in TypeScript leave nothing behind, whatever of what forks them is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.sandbox.warm_deno import about, place_of, templates_of, until_forked, zygote_of
from tests.soak.test_soak import HOST_MARGIN, ZYGOTE_MARGIN, demo, error_of
from tests.soak.traces import Traces, below, children, taken, until

from underpass import RunResult, Underpass
from underpass.sandbox import deno

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's"),
    pytest.mark.slow,
    pytest.mark.anyio,
]

WARM_UP = 200
RUNS = 2_000
RECYCLE = 400
IN_FLIGHT = 8
IDLE = 4
"""Children that wait in a pool at most."""
RESIDENT = 4 + IDLE
"""The zygotes of Python and of Deno, a template, the checker of types, and Python's children."""

# Each kind of program, how many in twenty runs are of it, and what must come of it.
KINDS: tuple[tuple[int, str, dict[str, Any], Any, str | None], ...] = (
    (8, "1 + 1", {}, 2, None),
    (3, "await new Promise((done) => setTimeout(done, 1)); 5", {}, 5, None),
    (3, 'import { demo } from "mcp-servers"; await demo.echo({ n: 7 })', {}, {"n": 7}, None),
    (2, "await Deno.writeTextFile('data/file', 'x'); await Deno.readTextFile('data/file')", {}, "x", None),
    (2, "(null as any).missing", {}, None, "TypeError"),
    (1, "for (;;);", {"timeout": 0.05}, None, "Timeout"),
    (1, "await new Promise(() => {})", {"timeout": 0.05}, None, "Timeout"),
)
ORDER = [kind for kind in KINDS for _ in range(kind[0])]


class Worn(deno.DenoSandbox):
    """One whose templates are soon renewed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options, recycle_after=RECYCLE)


async def run_many(up: Underpass, count: int) -> list[str]:
    """Run ``count`` programs, the kinds mixed; return what was not as it must be."""
    wrong: list[str] = []
    numbers = iter(range(count))

    async def loop() -> None:
        for number in numbers:
            _, code, options, value, error = ORDER[number * 7 % len(ORDER)]
            result = await up.run(
                code, agent=f"agent-{number % 8}", language="typescript", check=False, **options
            )
            if (result.value, error_of(result)) != (value, error):
                wrong.append(f"{code!r}: {result.value!r}, {result.error}")

    async with anyio.create_task_group() as tasks:
        for _ in range(IN_FLIGHT):
            tasks.start_soon(loop)
    return wrong


async def quiet(up: Underpass, others: Collection[int]) -> Traces:
    """Wait until only what stays is left, and the children that wait; return what there is then."""
    place = place_of(up)
    with anyio.fail_after(60):
        # Only a fork lets one template take the place of another.
        while len(templates_of(place)) != 1:
            (await place.lease("agent-0")).release()
            await anyio.sleep(0.1)
    await until(lambda: not zygote_of(place).asked and not zygote_of(place).at_work)
    picture = taken(others)
    assert picture.zombies == 0
    assert picture.processes <= RESIDENT + len(zygote_of(place).idle)
    return picture


async def test_two_thousand_forked_runs_leave_nothing_behind_and_templates_are_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deno, "DenoSandbox", Worn)
    others = children(os.getpid())
    outside = taken(others)
    async with Underpass.open({"demo": demo()}, home=tmp_path) as up:
        await until_forked(place_of(up))
        assert not await run_many(up, WARM_UP)
        before = await quiet(up, others)
        zygote = zygote_of(place_of(up))
        forked = zygote.forked
        assert not await run_many(up, RUNS)
        while zygote.templates < 2:
            assert not await run_many(up, IN_FLIGHT)
        # The worn one forks until its successor is ready.
        await until_forked(place_of(up))
        after = await quiet(up, others)
        print(
            f"before: host {before.memory / 1e6:.1f} MB, zygote {before.zygote_memory / 1e6:.1f} MB; after: "
            f"host {after.memory / 1e6:.1f} MB, zygote {after.zygote_memory / 1e6:.1f} MB; "
            f"{zygote.forked - forked} children, {zygote.templates} templates"
        )
        assert zygote is zygote_of(place_of(up))
        assert zygote.forked - forked >= RUNS
        assert zygote.templates >= 2
        assert after.descriptors <= before.descriptors + IDLE
        assert after.zygote_descriptors == before.zygote_descriptors
        assert after.mounts == before.mounts
        assert [len(each) for each in after.zygote_mounts] == [len(each) for each in before.zygote_mounts]
        assert after.control_groups == before.control_groups
        assert after.memory - before.memory < HOST_MARGIN
        assert after.zygote_memory - before.zygote_memory < ZYGOTE_MARGIN
    closed = taken(others)
    assert closed.processes == outside.processes
    assert closed.zombies == 0
    assert closed.mounts == outside.mounts
    assert closed.zygote_mounts == closed.zygote_descriptors == ()
    assert closed.control_groups == outside.control_groups
    assert closed.descriptors <= outside.descriptors


async def _run_while(up: Underpass, kill: Any) -> list[RunResult]:
    """Run forty programs at once, and ``kill`` when each of eight has said that it is at work."""
    at_work = anyio.Semaphore(0)
    results: list[RunResult] = []

    async def one(number: int) -> None:
        async def on_progress(*_: object) -> None:
            at_work.release()

        results.append(
            await up.run(
                'import { progress } from "mcp-runtime"; progress(1);\n'
                "await new Promise((done) => setTimeout(done, 300)); 5",
                agent=f"agent-{number % 8}",
                language="typescript",
                check=False,
                on_progress=on_progress,
            )
        )

    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(one, number)
        for _ in range(8):
            await at_work.acquire()
        kill()
    return results


async def test_a_template_that_is_killed_under_load_takes_no_run_with_it(tmp_path: Path) -> None:
    async with Underpass.open({"demo": demo()}, home=tmp_path) as up:
        zygote = await until_forked(place_of(up))
        (template,) = templates_of(place_of(up))
        results = await _run_while(up, lambda: os.kill(template, signal.SIGKILL))
        assert [(each.value, error_of(each)) for each in results] == [(5, None)] * 40
        assert zygote is zygote_of(place_of(up))
        await until_forked(place_of(up))
        assert template not in templates_of(place_of(up))
        assert not await run_many(up, 20)


async def test_a_zygote_that_is_killed_under_load_takes_the_runs_in_flight_and_no_more(
    tmp_path: Path,
) -> None:
    async with Underpass.open({"demo": demo()}, home=tmp_path) as up:
        zygote = await until_forked(place_of(up))
        family = below(zygote._control._process.pid)
        in_flight: list[int] = []

        def kill() -> None:
            in_flight.append(zygote.at_work)
            os.kill(zygote._control._process.pid, signal.SIGKILL)

        results = await _run_while(up, kill)
        lost = [each for each in results if each.error is not None]
        assert 0 < len(lost) <= in_flight[0]
        assert {error_of(each) for each in lost} == {"SandboxCrashed"}
        assert all(each.error and each.error.message and each.error.hint for each in lost)
        assert {each.value for each in results if each.error is None} <= {5}
        await until(lambda: not any(about(each, "stat") for each in family))
        assert zygote_of(place_of(up)) is not zygote
        assert not await run_many(up, 20)
        await until_forked(place_of(up))
        assert not await run_many(up, 20)
