"""The store of figures: damaged, shared, too old, too large, and not to be written."""

import logging
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
import pytest
from tests.metrics.conftest import Open
from tests.metrics.rows import DAY, run, statistics_of
from tests.patience import LONG

from underpass.metrics.row import ToolUse
from underpass.metrics.statistics import Statistics
from underpass.metrics.store import FILE_NAME, MetricsStore

pytestmark = [pytest.mark.requirement("R33")]


def noise(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE runs (number INTEGER)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize("damage", [noise, cut, foreign, newer])
def test_a_damaged_store_is_kept_aside_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    statistics_of(tmp_path, [run(1)]).close()
    damage(tmp_path / FILE_NAME)
    with caplog.at_level(logging.WARNING, "underpass.metrics"):
        statistics = statistics_of(tmp_path, [run(2)])
    assert statistics.summary().runs == 1
    (aside,) = tmp_path.glob("*.corrupt")
    assert aside.name in caplog.text


def test_a_store_that_is_found_damaged_while_it_is_read_is_begun_anew(tmp_path: Path) -> None:
    rows = [run(number, uses={f"s.t{n}": ToolUse(1) for n in range(20)}) for number in range(200)]
    statistics_of(tmp_path, rows).close()
    path, draw = tmp_path / FILE_NAME, random.Random(3)
    content = bytearray(path.read_bytes())
    content[4096:] = draw.randbytes(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"malformed|not a database"):
        Statistics(tmp_path).by_tool()
    assert Statistics(tmp_path).summary().runs == 0
    assert list(tmp_path.glob("*.corrupt"))


def test_what_is_older_than_the_setting_is_removed(tmp_path: Path) -> None:
    statistics = statistics_of(
        tmp_path,
        [run(number, ago=number * 10 * DAY, uses={"s.t": ToolUse(1)}) for number in reversed(range(10))],
    )
    store = MetricsStore(tmp_path)
    store.tidy(45.5, 1 << 30)
    store.close()
    assert statistics.summary().runs == 5
    assert statistics.by_tool()[0].calls == 5


def test_the_oldest_are_removed_where_they_take_too_much_room(tmp_path: Path) -> None:
    statistics = statistics_of(
        tmp_path,
        [run(number, uses={f"s.tool{n}": ToolUse(1) for n in range(10)}) for number in range(2_000)],
    )
    store, whole = MetricsStore(tmp_path), (tmp_path / FILE_NAME).stat().st_size
    store.tidy(90, whole // 2)
    store.close()
    runs = statistics.runs(limit=1).runs
    assert 0 < statistics.summary().runs < 2_000
    assert runs[0].run == "run1999"


WRITER = """
import sys
from pathlib import Path
from tests.metrics.rows import run
from underpass.metrics.store import MetricsStore
store = MetricsStore(Path(sys.argv[1]))
for number in range(100):
    store.write([run(number, agent=sys.argv[2])])
"""


def test_several_processes_write_one_store(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"agent{number}"])
        for number in range(3)
    ]
    assert [writer.wait(LONG) for writer in writers] == [0, 0, 0]
    found = Statistics(tmp_path).by_agent()
    assert [(each.agent, each.runs) for each in found] == [(f"agent{number}", 100) for number in range(3)]


def test_a_name_that_is_no_text_or_has_no_end_can_be_written(tmp_path: Path) -> None:
    uses = {"s.\ud800": ToolUse(1), f"s.{'x' * 5_000}a": ToolUse(2), f"s.{'x' * 5_000}b": ToolUse(3)}
    statistics = statistics_of(tmp_path, [run(1, uses=uses, outcome="\ud800")])
    found = statistics.by_tool()
    assert statistics.summary().outcomes == {"\\ud800": 1}
    assert sorted((len(each.tool), each.calls) for each in found) == [(6, 1), (200, 5)]


@pytest.mark.anyio
async def test_where_nothing_can_be_written_runs_go_on_and_it_is_said_once(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".underpass").mkdir()
    (tmp_path / ".underpass" / "metrics").write_text("no folder")
    async with opened() as up:
        for _ in range(2):
            assert (await up.run("1")).value == 1
            await anyio.to_thread.run_sync(up.metering.settle)
        await anyio.to_thread.run_sync(up.instruments.read)
    assert up.metering.lost == 2
    assert up.instruments.lost.values == {(): 2.0}
    assert sum("metrics cannot be kept" in message for message in caplog.messages) == 1


@pytest.mark.anyio
async def test_runs_are_tidied_while_the_process_works(opened: Open, tmp_path: Path) -> None:
    folder = tmp_path / ".underpass" / "metrics"
    statistics_of(folder, [run(1, ago=200 * DAY)]).close()
    async with opened() as up:
        await up.run("1")
        await anyio.to_thread.run_sync(up.metering.tidy)
        assert (await anyio.to_thread.run_sync(up.statistics.summary)).runs == 1
