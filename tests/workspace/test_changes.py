"""Which files each run created, changed and removed is recorded, and no run waits for that."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.patience import LONG

from underpass import RunResult, Underpass
from underpass.workspace.changes import FileChange, FileChanges, FilesOfRun

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("R39"),
    pytest.mark.skipif(sys.platform != "linux", reason="the process sandbox needs Linux"),
]


@asynccontextmanager
async def opened(home: Path) -> AsyncGenerator[Underpass]:
    async with Underpass.open(home=home) as up:
        yield up


async def ran(up: Underpass, code: str, agent: str = "ann") -> RunResult:
    result = await up.run(code, agent=agent, check=False)
    assert result.ok, result.error
    return result


async def recorded(up: Underpass, run: str) -> FilesOfRun:
    with anyio.fail_after(LONG):
        while (found := up.changes.find(run)) is None:
            await up.changes.settle()
    return found


def told(found: FilesOfRun) -> dict[str, tuple[str, int | None, int | None]]:
    return {each.path: (each.how, each.before, each.after) for each in found.files}


async def test_a_run_s_files_are_told_apart_by_what_became_of_them(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        first = await ran(up, "for name in 'abc': open(f'data/{name}', 'w').write('one')")
        assert told(await recorded(up, first.run)) == {f"data/{name}": ("created", None, 3) for name in "abc"}
        second = await ran(
            up, "import os\nos.remove('data/a')\nopen('data/b', 'a').write('two')\nopen('d', 'w').write('')"
        )
        found = await recorded(up, second.run)
        assert told(found) == {
            "data/a": ("removed", 3, None),
            "data/b": ("changed", 3, 6),
            "d": ("created", None, 0),
        }
        assert not found.mixed
        assert told(await recorded(up, (await ran(up, "open('data/b').read()")).run)) == {}


async def test_what_was_there_before_the_process_is_no_change(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        await ran(up, "open('kept', 'w').write('x')")
    async with opened(tmp_path) as up:
        run = await ran(up, "open('kept', 'w').write('longer')")
        assert told(await recorded(up, run.run)) == {"kept": ("changed", 1, 6)}


async def test_what_a_process_has_not_looked_at_is_looked_at_when_it_ends(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        run = await ran(up, "open('late', 'w').write('x')")
        assert up.changes.awaits(run.run) or up.changes.find(run.run) is not None
    async with opened(tmp_path) as up:
        found = up.changes.find(run.run)
        assert found is not None
        assert told(found) == {"late": ("created", None, 1)}


async def test_what_others_change_between_two_runs_belongs_to_neither(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        first = await ran(up, "open('a', 'w').write('x')\nopen('b', 'w').write('x')")
        await recorded(up, first.run)
        (tmp_path / "workspace/ann/mine").write_text("by hand")
        (tmp_path / "workspace/ann/b").unlink()
        # The kernel's clock for files goes in steps.
        stamp = (tmp_path / "workspace/ann").stat().st_ctime_ns + 40_000_000
        with anyio.fail_after(LONG):
            while _clock(tmp_path) < stamp:
                await anyio.lowlevel.checkpoint()
        second = await ran(up, "open('a', 'a').write('y')")
        assert told(await recorded(up, second.run)) == {"a": ("changed", 1, 2)}


def _clock(folder: Path) -> int:
    place = folder / "clock"
    place.touch()
    return place.stat().st_ctime_ns


async def test_runs_at_the_same_time_are_said_to_be_mixed(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        runs: list[RunResult] = []

        async def one(name: str, other: str) -> None:
            wait = f"while not os.path.exists({other!r}): pass"
            runs.append(await ran(up, f"import os\nopen({name!r}, 'w').write('x')\n{wait}"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, "a", "b")
            tasks.start_soon(one, "b", "a")
        found = [await recorded(up, each.run) for each in runs]
        assert all(each.mixed for each in found)
        assert {path for each in found for path in told(each)} == {"a", "b"}


async def test_nothing_is_recorded_where_it_cannot_be_told_and_no_run_fails_for_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        await ran(up, "1")
        os.mkfifo(tmp_path / "workspace/ann/pipe")
        run = await ran(up, "open('a', 'w').write('x')")
        await up.changes.settle()
        assert up.changes.find(run.run) is None
        (tmp_path / "workspace/ann/pipe").unlink()
        run = await ran(up, "open('b', 'w').write('x')")
        assert told(await recorded(up, run.run)) == {"b": ("created", None, 1)}


async def test_a_file_that_is_no_record_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / ".underpass/changes"
    place.parent.mkdir(parents=True)
    place.write_text("no folder")
    async with opened(tmp_path) as up:
        run = await ran(up, "open('a', 'w').write('x')")
        await up.changes.settle()
        assert up.changes.find(run.run) is None
        assert not up.changes.awaits(run.run)
    assert "cannot be recorded" in caplog.text


async def test_the_second_life_of_a_run_adds_to_what_the_first_changed(tmp_path: Path) -> None:
    folder = tmp_path / "workspace/ann"
    folder.mkdir(parents=True)
    (folder / "old").write_text("x")
    async with FileChanges(tmp_path / "workspace", tmp_path / ".underpass") as changes:
        for life in (1, 2):
            run = changes.of("r1", "ann")
            await run.begin()
            (folder / "new").write_text("x" * life)
            if life == 2:
                (folder / "old").unlink()
            run.end()
            await changes.settle()
        found = changes.find("r1")
    assert found is not None
    assert found.files == (FileChange("new", "created", None, 2), FileChange("old", "removed", 1, None))
    assert found.to_dict()["files"][0] == {"path": "new", "how": "created", "before": None, "after": 2}


async def test_a_large_workspace_is_looked_at_in_a_thread_and_a_vast_one_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "workspace/ann"
    folder.mkdir(parents=True)
    for number in range(300):
        (folder / str(number)).touch()
    async with FileChanges(tmp_path / "workspace", tmp_path / ".underpass") as changes:
        run = changes.of("r1", "ann")
        await run.begin()
        (folder / "300").touch()
        run.end()
        await changes.settle()
        assert (found := changes.find("r1")) is not None
        assert [each.path for each in found.files] == ["300"]
        for number in range(5_100):
            (folder / f"more{number}").touch()
        for name in ("r2", "r3"):
            run = changes.of(name, "ann")
            await run.begin()
            run.end()
            await changes.settle()
            assert changes.find(name) is None
        assert changes.of("r4", "no/name").end() is None
