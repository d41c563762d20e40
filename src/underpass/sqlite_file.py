"""A SQLite file of ours: opened when it is first used, kept aside and begun anew where it is damaged."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Few commands need it, and everyone waits for the imports of these modules.
    import sqlite3

PATIENCE = 5.0
"""Seconds to wait for another process that writes; each needs a few milliseconds."""
_PAUSE = 0.005
"""Seconds until another process's switch to the write-ahead log is looked for again."""
WAL = ("journal_mode = WAL", "synchronous = NORMAL")
"""Readers do not wait for writers. After a power cut the last second may be missing; the file stays whole."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds.

    Parameters:
        what: what it is called in the log.
        schema: the statements that make the tables of a new file.
        version: the number of this format; a file of another counts as none of ours.
        since: the statements that bring a file of an older format to this one, by its number.
        pragmas: set whenever it is opened.
        stays_open: False for a file that is used seldom: each use sees what has become of it meanwhile, even
            that another process has kept it aside.
    """

    what: str
    schema: Sequence[str]
    version: int = 1
    since: Mapping[int, Sequence[str]] = field(default_factory=dict[int, Sequence[str]])
    pragmas: Sequence[str] = WAL
    stays_open: bool = True


class SqliteFile:
    """One file, one connection, for any number of threads, one at a time.

    What goes wrong with the file is an ``OSError``. A file that is no database any more, or that has not
    the tables of its layout, is kept beside its place under another name, which is said in the log.
    """

    def __init__(self, path: Path, layout: Layout, log: Logger) -> None:
        self.path = path
        self._layout = layout
        self._log = log
        self._connection: sqlite3.Connection | None = None
        self._lock = RLock()

    @contextmanager
    def connected(self) -> Generator[sqlite3.Connection]:
        """Open the file, or make it; each statement is a transaction of its own."""
        import sqlite3

        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open_or_begin_anew()
                yield self._connection
            except sqlite3.Error as error:
                self.close()
                # Where that is found only now, the next use begins anew.
                keep_aside_if_corrupt(self.path, self._layout.what, error, self._log)
                raise OSError(str(error)) from error
            finally:
                if not self._layout.stays_open:
                    self.close()

    @contextmanager
    def apart(self) -> Generator[sqlite3.Connection]:
        """Open the file a second time, for long work beside all others; errors are those of SQLite."""
        with closing(self._open()) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """Open the file for one transaction, which an exception takes back."""
        with self.connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """Return what a query finds; nothing where there is no file."""
        if not self.path.exists():
            return []
        with self.connected() as connection:
            return connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Let the file go; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open_or_begin_anew(self) -> sqlite3.Connection:
        import sqlite3

        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if not keep_aside_if_corrupt(self.path, self._layout.what, error, self._log):
                raise
        return self._open()

    def _open(self) -> sqlite3.Connection:
        import sqlite3

        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            set_pragmas(connection, self._layout.pragmas)
            self._lay_out(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _lay_out(self, connection: sqlite3.Connection) -> None:
        layout = self._layout
        makes = {0: layout.schema, **layout.since}
        if _version(connection) in makes:
            connection.execute("BEGIN IMMEDIATE")
            # Another process may have been faster.
            for statement in makes.get(_version(connection), ()):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {layout.version}")
            connection.execute("COMMIT")
        if (version := _version(connection)) != layout.version:
            raise _none_of_ours(f"its format is {version}, and this version knows {layout.version}")
        found = connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL")
        tables = {" ".join(row[0].split()) for row in found}
        wanted = (" ".join(statement.split()).replace("IF NOT EXISTS ", "") for statement in layout.schema)
        if not tables.issuperset(wanted):
            raise _none_of_ours("its tables are not the right ones")


def set_pragmas(connection: sqlite3.Connection, pragmas: Sequence[str]) -> None:
    """Set pragmas. Two processes that switch a new file to its log at once wait for one another.

    SQLite itself does not wait here: it gives up at once, whatever the connection's patience is.
    """
    import sqlite3

    until = time.monotonic() + PATIENCE
    for pragma in pragmas:
        while True:
            try:
                connection.execute(f"PRAGMA {pragma}")
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                    raise
            time.sleep(_PAUSE)


def keep_aside_if_corrupt(path: Path, what: str, error: sqlite3.Error, log: Logger) -> bool:
    """Give a file that is no database of ours another name, which is said in the log.

    Parameters:
        what: what the file is called in the log.
        error: what its use has come to.

    Returns whether the error was of that kind.
    """
    if getattr(error, "sqlite_errorname", "") not in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}:
        return False
    place = path.with_name(f"{path.name}.{time.time_ns()}.corrupt")
    for suffix in ("-wal", "-shm", "-journal", ""):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{place}{suffix}")  # noqa: PTH105 - names, not paths
    log.warning("%s: %s; %s was kept as %s", what, error, path, place.name)
    return True


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _none_of_ours(why: str) -> sqlite3.DatabaseError:
    import sqlite3

    error = sqlite3.DatabaseError(why)
    error.sqlite_errorname = "SQLITE_NOTADB"
    return error
