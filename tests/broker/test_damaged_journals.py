"""Journals that are not what they were: kept aside or gone on with, said, and no run is the worse for it."""

import logging
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.broker.test_journal import THREE, World

from underpass.broker.journal import JournalStore

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R20", "R26")]


def noise(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def spots(path: Path) -> None:
    draw, content = random.Random(2), bytearray(path.read_bytes())
    for _ in range(400):
        content[draw.randrange(100, len(content))] = draw.randrange(256)
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE runs (number INTEGER)")
        connection.execute("PRAGMA user_version = 2")
    connection.close()


def older(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = -1")
    connection.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 3")
    connection.close()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("damage", [noise, spots, cut, emptied, foreign, older, newer])
async def test_a_journal_that_is_none_is_kept_aside_and_the_service_goes_on(
    world: World, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    async with world.opened() as up:
        await up.run(THREE)
    damage(world.store.path)
    with caplog.at_level(logging.WARNING, "underpass.journal"):
        async with world.opened(**{"journal.resume": "auto"}) as up:
            assert (await up.run(THREE)).value == [4, 5, 6]
        # Damage in the middle may be found by the first run alone; the second is recorded in any case.
        async with world.opened() as up:
            last = await up.run(THREE)
    assert last.value == [7, 8, 9]
    found = world.store.find(last.run)
    assert found is not None
    assert (found.cause, found.calls) == ("ok", 3)
    aside = list(world.store.folder.glob("*.corrupt"))
    assert len(aside) == (0 if damage is emptied else 1)
    assert len([record for record in caplog.records if "was kept as" in record.message]) == len(aside)


async def test_a_clock_that_goes_back_forgets_no_run(world: World) -> None:
    async with world.opened() as up:
        run = (await up.run(THREE)).run
    world.change("UPDATE runs SET begun = begun + 1e8")
    world.store.tidy(days=1, most_bytes=1 << 30)
    assert world.store.find(run) is not None


def test_a_store_without_a_file_has_nothing(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    assert (store.runs(1), store.without_end(), store.result("x")) == ([], [], None)
    assert list(tmp_path.iterdir()) == []
