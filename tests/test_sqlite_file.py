"""A SQLite file that many begin to use at once."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from underpass.sqlite_file import Layout, SqliteFile

LAYOUT = Layout("numbers", ("CREATE TABLE numbers (number INTEGER)",))
LOG = logging.getLogger("underpass.test")
WRITERS = 8


@pytest.mark.requirement("R20")
def test_many_who_begin_a_new_file_at_once_wait_for_one_another(tmp_path: Path) -> None:
    for attempt in range(10):
        path, ready = tmp_path / f"{attempt}.sqlite3", Barrier(WRITERS)

        def write(number: int, path: Path = path, ready: Barrier = ready) -> None:
            file = SqliteFile(path, LAYOUT, LOG)
            ready.wait()
            with file.writing() as connection:
                connection.execute("INSERT INTO numbers VALUES (?)", (number,))
            file.close()

        with ThreadPoolExecutor(WRITERS) as threads:
            list(threads.map(write, range(WRITERS)))
        rows = SqliteFile(path, LAYOUT, LOG).rows("SELECT number FROM numbers ORDER BY number")
        assert [row[0] for row in rows] == list(range(WRITERS))


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "one.sqlite3", LAYOUT, LOG)

    def fail() -> None:
        with file.writing() as connection:
            connection.execute("INSERT INTO numbers VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert file.rows("SELECT * FROM numbers") == []
    assert SqliteFile(tmp_path / "none.sqlite3", LAYOUT, LOG).rows("SELECT 1") == []


def test_a_file_of_an_older_format_is_brought_to_this_one(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with SqliteFile(path, LAYOUT, LOG).writing() as connection:
        connection.execute("INSERT INTO numbers VALUES (1)")
    more = "CREATE TABLE texts (text TEXT)"
    newer = Layout("numbers", (*LAYOUT.schema, more), 2, since={1: (more,)})
    file = SqliteFile(path, newer, LOG)
    assert len(file.rows("SELECT * FROM numbers")) == 1
    assert file.rows("SELECT * FROM texts") == []
