"""The journal's file: one SQLite database, written by any number of processes."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from underpass.broker.journal.ahead import take_over
from underpass.broker.journal.entries import SHIFT, carry_on
from underpass.broker.journal.presence import boot
from underpass.broker.journal.record import CallRecord, RunRecord
from underpass.workspace.checkpoints.objects import ObjectStore

if TYPE_CHECKING:
    import sqlite3

FILE_NAME: Final = "journal.sqlite3"
HOSTS: Final = "hosts"
"""The folder of the processes that share a journal."""
VERSION: Final = 2
_PATIENCE: Final = 5.0
"""Seconds to wait for another process that writes; each needs a fraction of a millisecond."""
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
        self._connection: sqlite3.Connection | None = None

    def write(self, steps: Sequence[Step]) -> None:
        """Do all steps, or none. What was written outlives this process, however it ends."""
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for step in steps:
                    step(connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    connection.execute("ROLLBACK")
                raise

    def take_over(self) -> None:
        """Write what dead processes have written ahead; what cannot be written now stays where it is."""
        if self.path.exists():
            take_over(self.folder / HOSTS, lambda host, lines: self.write([partial(carry_on, host, lines)]))

    def find(self, run: str) -> RunRecord | None:
        """Return a run, or None."""
        self.take_over()
        if not self.path.exists():
            return None
        with self._connected() as connection:
            row = connection.execute(f"{_RUN} WHERE run = ?", (run,)).fetchone()
        return None if row is None else _run(row)

    def runs(self, limit: int) -> list[RunRecord]:
        """Return the youngest runs, the youngest first."""
        self.take_over()
        if not self.path.exists():
            return []
        with self._connected() as connection:
            rows = connection.execute(f"{_RUN} ORDER BY number DESC LIMIT ?", (limit,)).fetchall()
        return [_run(row) for row in rows]

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
        if not self.path.exists():
            return []
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
        with self._connected() as connection:
            rows = connection.execute(query, (*values, limit)).fetchall()
        return [_run(row) for row in rows]

    def without_end(self) -> list[RunRecord]:
        """Return the runs that go on or have died with their processes, the oldest first."""
        self.take_over()
        if not self.path.exists():
            return []
        with self._connected() as connection:
            rows = connection.execute(f"{_RUN} WHERE ended IS NULL ORDER BY number").fetchall()
        return [_run(row) for row in rows]

    def result(self, run: str) -> bytes | None:
        """Return what a run that was continued by itself came to, as JSON; None of any other."""
        if not self.path.exists():
            return None
        with self._connected() as connection:
            row = connection.execute(
                "SELECT result FROM results JOIN runs USING (number) WHERE run = ?", (run,)
            ).fetchone()
        return None if row is None else row[0]

    def calls(self, run: str) -> list[CallRecord]:
        """Return a run's calls by their sequence."""
        self.take_over()
        if not self.path.exists():
            return []
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT key - (number << ?1), server, tool, definition, digest, arguments, idempotent,"
                " state, began, calls.ended, result, content, error FROM runs JOIN calls"
                " ON key > (number << ?1) AND key < (number + 1 << ?1) WHERE run = ?2 ORDER BY key",
                (SHIFT, run),
            ).fetchall()
        return [_call(row) for row in rows]

    def settle(self) -> None:
        """Bring what was written to the disk, and the log into the file."""
        if not self.path.exists():
            return
        with closing(self._open()) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            log = self.path.with_name(f"{FILE_NAME}-wal")
            if log.exists() and log.stat().st_size > _LARGE_LOG:
                # Little is left to do by now, so that writers wait for a moment only.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def tidy(self, days: float, most_bytes: int) -> None:
        """Remove the runs older than ``days``, and then the oldest until all fit in ``most_bytes``."""
        if not self.path.exists():
            return
        with closing(self._open()) as connection:
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
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        import sqlite3

        try:
            if self._connection is None:
                self._connection = self._open_or_begin_anew()
            yield self._connection
        except sqlite3.DatabaseError as error:
            self.close()
            if _is_corrupt(error):
                # Found only now: the next use begins anew.
                self._set_aside(error)
            raise OSError(str(error)) from error

    def _open_or_begin_anew(self) -> sqlite3.Connection:
        import sqlite3

        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise
            self._set_aside(error)
        return self._open()

    def _open(self) -> sqlite3.Connection:
        import sqlite3

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # What a process has written is safe from its own end without waiting for the disk. After a
            # power cut the last calls may be missing, which `boot` tells; where it cannot, the disk is
            # waited for.
            connection.execute(f"PRAGMA synchronous = {'NORMAL' if boot() else 'FULL'}")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            _lay_out(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        place = self.path.with_name(f"{FILE_NAME}.{time.time_ns()}.corrupt")
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                os.replace(f"{self.path}{suffix}", f"{place}{suffix}")  # noqa: PTH105 - names, not paths
        _LOG.warning("journal: %s; %s was kept as %s", error, self.path, place.name)


def _lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables that are missing. A file of an unknown format counts as none of ours."""
    if (version := _version(connection)) in {0, 1}:
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection)
        if version in {0, 1}:
            for statement in (*(_SCHEMA if version == 0 else ()), *_SINCE_2):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {(version := VERSION)}")
        connection.execute("COMMIT")
    if version != VERSION:
        raise _none_of_ours(f"its format is {version}, and this version knows {VERSION}")
    found = connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL")
    tables = {" ".join(row[0].split()) for row in found}
    if not tables.issuperset(" ".join(statement.split()) for statement in (*_SCHEMA, *_SINCE_2)):
        raise _none_of_ours("its tables are not those of a journal")


def _none_of_ours(why: str) -> sqlite3.DatabaseError:
    import sqlite3

    error = sqlite3.DatabaseError(why)
    error.sqlite_errorname = "SQLITE_NOTADB"
    return error


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorname", "") in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}


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
