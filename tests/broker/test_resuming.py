"""Runs that died with their process, and go on by themselves at the next start."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.broker.test_journal import THREE, World
from tests.patience import LONG

from underpass import ConfigError, Underpass

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R20")]
AUTO = {"journal.resume": "auto"}
READS = """
from mcp_servers import demo
first = await demo.note(label="a")
await demo.read(label="b")
third = await demo.note(label="c")
[first["count"], third["count"]]
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def died(world: World, code: str, at: str) -> str:
    """A run whose process died during the call labelled ``at``."""
    run = await world.cut(code, at=at)
    world.change(f"UPDATE runs SET cause = NULL, ended = NULL, host = 'gone' WHERE run = '{run}'")
    return run


async def until(condition: Callable[[], Any]) -> None:
    with anyio.fail_after(LONG):
        while not condition():
            await anyio.lowlevel.checkpoint()


def cause(world: World, run: str) -> str | None:
    found = world.store.find(run)
    assert found is not None
    return found.cause


async def test_a_run_that_needs_nobody_goes_on_and_its_result_is_kept(world: World) -> None:
    run = await died(world, READS, at="b")
    async with world.opened():
        assert (await on_disk(world, run)) is None, "by default it stays as it is"
    async with world.opened(**AUTO):
        await until(lambda: cause(world, run))
    kept = await on_disk(world, run)
    assert kept is not None
    assert (kept["run"], kept["value"], kept["error"]) == (run, [1, 4], None)
    assert world.made == ["a", "b", "b", "c"]
    async with world.opened(**AUTO) as up:
        await up.run("1")
    assert world.made == ["a", "b", "b", "c"]


async def on_disk(world: World, run: str) -> dict[str, Any] | None:
    content = world.store.result(run)
    return None if content is None else json.loads(content)


async def test_several_processes_continue_a_run_once(world: World) -> None:
    runs = [await died(world, READS.replace('"c"', f'"c{n}"'), at="b") for n in range(3)]
    world.made.clear()

    async def one() -> None:
        async with world.opened(**AUTO):
            await until(lambda: all(cause(world, run) for run in runs))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(one)
    assert sorted(world.made) == ["b", "b", "b", "c0", "c1", "c2"]
    assert [cause(world, run) for run in runs] == ["ok", "ok", "ok"]


async def test_what_needs_a_person_is_said_with_the_command_and_left(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    undecided = await died(world, THREE, at="b")
    often, old, interrupted = [await died(world, READS, at="b") for _ in range(3)]
    world.change(f"UPDATE runs SET attempts = 3 WHERE run = '{often}'")
    world.change(f"UPDATE runs SET begun = begun - 1e5 WHERE run = '{old}'")
    world.change(f"UPDATE runs SET cause = 'Interrupted', ended = 1 WHERE run = '{interrupted}'")
    last = await died(world, READS, at="b")
    world.made.clear()
    async with world.opened(**AUTO):
        await until(lambda: cause(world, last))
    assert world.made == ["b", "c"]
    for run in (undecided, often, old):
        assert cause(world, run) is None
    said = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 2
    assert f"`underpass resume {undecided} --call-again 2`" in said[0]
    assert said[1] == f"run {often} died 3 times: `underpass resume {often}`"
    assert (await world.resume(often)).ok


async def test_a_run_that_goes_on_when_its_host_ends_goes_on_with_the_next(world: World) -> None:
    run = await died(world, READS, at="b")
    async with world.opened(**AUTO), world.cutting("b"):
        await anyio.sleep_forever()
    assert cause(world, run) is None
    async with world.opened(**AUTO):
        await until(lambda: cause(world, run))
    kept = await on_disk(world, run)
    assert kept is not None
    assert kept["value"] == [1, 5]


async def test_a_run_that_cannot_go_on_is_left_to_a_person(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    run = await died(world, READS, at="b")
    world.change("UPDATE runs SET environment = 'removed'")
    async with world.opened(**AUTO) as up:
        await until(lambda: cause(world, run))
        assert cause(world, run) == "Interrupted"
        world.change("UPDATE runs SET environment = NULL")
        assert (await up.resume(run)).ok
    assert f"run {run} could not be continued: " in caplog.text


async def test_after_a_stop_of_the_machine_a_call_that_may_have_happened_is_left_to_a_person(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    run = await died(world, READS, at="b")
    world.change("UPDATE runs SET boot = 'an earlier one'")
    async with world.opened(**AUTO):
        await until(lambda: cause(world, run))
    assert cause(world, run) == "CallUnknown"
    assert world.made == ["a", "b", "b"]
    assert f"run {run} needs a decision: it is not known whether this has happened: call 3" in caplog.text
    assert (await world.resume(run, call_again=[3])).ok


async def test_a_journal_that_cannot_be_read_is_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.store.path.mkdir(parents=True)
    async with world.opened(**AUTO) as up:
        assert (await up.run("1")).ok
        await until(lambda: "so no run is continued" in caplog.text)


async def test_a_journal_of_the_first_format_is_carried_on(world: World) -> None:
    run = await died(world, READS, at="b")
    world.change("DROP TABLE results")
    world.change("DROP INDEX contents")
    world.change("PRAGMA user_version = 1")
    async with world.opened(**AUTO):
        await until(lambda: cause(world, run))
    assert await on_disk(world, run) is not None


async def test_the_setting_is_off_or_auto(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"journal\.resume must be 'off' or 'auto'"):
        async with Underpass.open(None, home=tmp_path, settings={"journal.resume": "always"}):
            pass
