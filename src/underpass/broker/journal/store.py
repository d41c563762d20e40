"""The journal's file: one SQLite database, written by any number of processes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from underpass.broker.journal.ahead import take_over
from underpass.broker.journal.entries import SHIFT, carry_on
from underpass.broker.journal.presence import boot
from underpass.broker.journal.record import CallRecord, RunRecord
from underpass.sqlite_file import Layout, SqliteFile
from underpass.workspace.checkpoints.objects import ObjectStore

if TYPE_CHECKING:
    import sqlite3

FILE_NAME: Final = "journal.sqlite3"
HOSTS: Final = "hosts"
"""The folder of the processes that share a journal."""
VERSION: Final = 2
_LARGE_LOG: Final = 32 * 1024 * 1024
"""Bytes of the write-ahead log from which writers are made to wait until it is emptied."""
_YOUNG: Final = 3_600.0
"""Seconds for which a content stays that no call refers to yet."""
_SCHEMA: Final = (
    "CREATE TABLE codes (digest TEXT PRIMARY KEY, code TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL UNIQUE, begun REAL, agent TEXT,
        language TEXT, environment TEXT, filename TEXT, timeout REAL, max_tokens INTEGER, checked INTEGER,
        rollback INTEGER, code TEXT REFERENCES codes, session TEXT, host TEXT, boot TEXT,
        attempts INTEGER, ended REAL, cause TEXT
    )""",
    """CREATE TABLE calls (
        key INTEGER PRIMARY KEY, server TEXT, tool TEXT, definition TEXT, digest TEXT, arguments TEXT,
        idempotent INTEGER, state TEXT, began INTEGER, ended INTEGER, result BLOB, content TEXT,
        content_bytes INTEGER, error TEXT
    )""",
)
_SINCE_2: Final = (
    "CREATE TABLE results (number INTEGER PRIMARY KEY, result BLOB NOT NULL)",
    # The few calls with large results; looking for them must not mean to look at every call.
    "CREATE INDEX contents ON calls (content, content_bytes) WHERE content IS NOT NULL",
)
_AT_ONCE: Final = 20
"""Runs that are removed in one step, for which whoever writes waits."""
_RUN: Final = (
    "SELECT run, begun, agent, language, environment, filename, timeout, max_tokens, checked, rollback,"
    " codes.code, session, host, boot, attempts, ended, cause, (SELECT count(*) FROM calls"
    " WHERE key > number << 24 AND key < number + 1 << 24) FROM runs JOIN codes ON digest = runs.code"
)
RunState = Literal["ok", "failed", "unfinished"]
_STATES: Final[dict[RunState, str]] = {
    "ok": "cause IN ('ok', 'cached')",
    "failed": "cause NOT IN ('ok', 'cached')",
    "unfinished": "ended IS NULL",
}
_LOG: Final = logging.getLogger("underpass.journal")

Step = Callable[["sqlite3.Connection"], object]
"""A part of a transaction."""


class JournalStore:
    """The journal in ``folder``. Every method raises ``OSError`` when the file cannot be read or written.

    A file that is no journal any more is kept aside under another name, which is said in the log, and a
    new one begun. One object is for one thread; ``settle`` and ``tidy`` may run in others.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.contents = folder / "contents"
        """Where large results are."""
        self._file = SqliteFile(self.path, _layout(), _LOG)

    def write(self, steps: Sequence[Step]) -> None:
        """Do all steps, or none. What was written outlives this process, however it ends."""
        with self._file.writing() as connection:
            for step in steps:
                step(connection)

    def take_over(self) -> None:
        """Write what dead processes have written ahead; what cannot be written now stays where it is."""
        if self.path.exists():
            take_over(self.folder / HOSTS, lambda host, lines: self.write([partial(carry_on, host, lines)]))

    def find(self, run: str) -> RunRecord | None:
        """Return a run, or None."""
        self.take_over()
        rows = self._file.rows(f"{_RUN} WHERE run = ?", (run,))
        return _run(rows[0]) if rows else None

    def runs(self, limit: int) -> list[RunRecord]:
        """Return the youngest runs, the youngest first."""
        self.take_over()
        return [_run(row) for row in self._file.rows(f"{_RUN} ORDER BY number DESC LIMIT ?", (limit,))]

    def page(
        self,
        limit: int,
        *,
        prefix: str = "",
        agent: str | None = None,
        state: RunState | None = None,
        before: str | None = None,
    ) -> list[RunRecord]:
        """Return the youngest of some runs, the youngest first.

        Parameters:
            prefix: what the names of their agents begin with.
            agent: of this agent alone.
            state: how they ended, or that they have not.
            before: a run; only those that began before it.
        """
        conditions: list[str] = ["substr(agent, 1, length(?)) = ?"]
        values: list[object] = [prefix, prefix]
        if agent is not None:
            conditions.append("agent = ?")
            values.append(agent)
        if state is not None:
            conditions.append(_STATES[state])
        if before is not None:
            conditions.append("number < (SELECT number FROM runs WHERE run = ?)")
            values.append(before)
        query = f"{_RUN} WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?"
        return [_run(row) for row in self._file.rows(query, (*values, limit))]

    def without_end(self) -> list[RunRecord]:
        """Return the runs that go on or have died with their processes, the oldest first."""
        self.take_over()
        return [_run(row) for row in self._file.rows(f"{_RUN} WHERE ended IS NULL ORDER BY number")]

    def result(self, run: str) -> bytes | None:
        """Return what a run that was continued by itself came to, as JSON; None of any other."""
        rows = self._file.rows("SELECT result FROM results JOIN runs USING (number) WHERE run = ?", (run,))
        return rows[0][0] if rows else None

    def calls(self, run: str) -> list[CallRecord]:
        """Return a run's calls by their sequence."""
        self.take_over()
        rows = self._file.rows(
            "SELECT key - (number << ?1), server, tool, definition, digest, arguments, idempotent,"
            " state, began, calls.ended, result, content, error FROM runs JOIN calls"
            " ON key > (number << ?1) AND key < (number + 1 << ?1) WHERE run = ?2 ORDER BY key",
            (SHIFT, run),
        )
        return [_call(row) for row in rows]

    def settle(self) -> None:
        """Bring what was written to the disk, and the log into the file."""
        if not self.path.exists():
            return
        with self._file.apart() as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            log = self.path.with_name(f"{FILE_NAME}-wal")
            if log.exists() and log.stat().st_size > _LARGE_LOG:
                # Little is left to do by now, so that writers wait for a moment only.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def tidy(self, days: float, most_bytes: int) -> None:
        """Remove the runs older than ``days``, and then the oldest until all fit in ``most_bytes``."""
        if not self.path.exists():
            return
        with self._file.apart() as connection:
            removed = _remove(
                connection, "SELECT number FROM runs WHERE begun < ?", time.time() - days * 86_400
            )
            while _size(connection) > most_bytes:
                count = connection.execute("SELECT count(*) / 10 + 1 FROM runs").fetchone()[0]
                if not (
                    more := _remove(connection, "SELECT number FROM runs ORDER BY number LIMIT ?", count)
                ):
                    break
                removed += more
            if removed:
                connection.execute("DELETE FROM codes WHERE digest NOT IN (SELECT code FROM runs)")
            kept = {row[0] for row in connection.execute("SELECT content FROM calls WHERE content NOT NULL")}
        contents = ObjectStore(self.contents)
        for digest, facts in contents.all():
            if digest not in kept and facts.st_mtime < time.time() - _YOUNG:
                contents.path(digest).unlink(missing_ok=True)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def _layout() -> Layout:
    # What a process has written is safe from its own end without waiting for the disk. After a power cut
    # the last calls may be missing, which `boot` tells; where it cannot, the disk is waited for.
    synchronous = "NORMAL" if boot() else "FULL"
    return Layout(
        "journal",
        (*_SCHEMA, *_SINCE_2),
        VERSION,
        since={1: _SINCE_2},
        pragmas=("journal_mode = WAL", f"synchronous = {synchronous}", "wal_autocheckpoint = 0"),
    )


def _remove(connection: sqlite3.Connection, which: str, value: float) -> int:
    """Remove the runs whose numbers a query gives, a few at a time; returns how many they were."""
    numbers = connection.execute(which, (value,)).fetchall()
    for first in range(0, len(numbers), _AT_ONCE):
        some = numbers[first : first + _AT_ONCE]
        begun = time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        calls = ((number << SHIFT, (number + 1) << SHIFT) for (number,) in some)
        connection.executemany("DELETE FROM calls WHERE key > ? AND key < ?", calls)
        connection.executemany("DELETE FROM results WHERE number = ?", some)
        connection.executemany("DELETE FROM runs WHERE number = ?", some)
        connection.execute("COMMIT")
        # Writers that wait look seldom: half of the time is theirs.
        time.sleep(time.monotonic() - begun)
    return len(numbers)


def _size(connection: sqlite3.Connection) -> int:
    size = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count"
    pages = connection.execute(f"{size}, pragma_page_size").fetchone()[0]
    return (
        pages
        + connection.execute("SELECT total(content_bytes) FROM calls WHERE content NOT NULL").fetchone()[0]
    )


def _run(row: Sequence[Any]) -> RunRecord:
    values = list(row)
    values[8:10] = map(bool, values[8:10])
    return RunRecord(*values)


def _call(row: Sequence[Any]) -> CallRecord:
    values = list(row)
    values[6] = bool(values[6])
    values[-1] = None if row[-1] is None else json.loads(row[-1])
    return CallRecord(*values)
