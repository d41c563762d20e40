"""The file of all runs' figures: one SQLite database, written by any number of processes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from underpass.metrics.row import RunRow

if TYPE_CHECKING:
    import sqlite3

FILE_NAME: Final = "metrics.sqlite3"
VERSION: Final = 1
CONVERSATION_SECONDS: Final = 1_800.0
"""A pause of an agent that is longer begins another conversation, which carries the definitions again."""
WANTED: Final = (
    "runs.begun >= :since AND (:agents IS NULL OR substr(runs.agent, 1, length(:agents)) = :agents)"
)
"""Which runs are looked at; the same words hold for prompts under the name ``runs``."""
_PATIENCE: Final = 5.0
"""Seconds to wait for another process that writes."""
_NAME: Final = 200
"""Characters of a name; programs may ask for tools of any name."""
_AT_ONCE: Final = 500
"""Runs that are removed in one step, for which whoever writes waits."""
_SCHEMA: Final = (
    """CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, begun REAL NOT NULL, agent TEXT NOT NULL,
        language TEXT, sandbox TEXT, outcome TEXT, cached INTEGER, code TEXT, code_lines INTEGER,
        calls INTEGER, failed_calls INTEGER, total_ms REAL, queue_ms REAL, start_ms REAL, run_ms REAL,
        definitions_direct INTEGER, calls_tokens INTEGER, results_tokens INTEGER,
        definitions_code INTEGER, code_tokens INTEGER, answer_tokens INTEGER,
        conversation INTEGER, tokenizer TEXT
    )""",
    "CREATE INDEX runs_begun ON runs (begun)",
    "CREATE INDEX runs_agent ON runs (agent, begun)",
    """CREATE TABLE uses (
        number INTEGER, server TEXT, tool TEXT, calls INTEGER, failed INTEGER, cached INTEGER,
        milliseconds REAL, bytes_out INTEGER, results INTEGER, PRIMARY KEY (number, server, tool)
    ) WITHOUT ROWID""",
    """CREATE TABLE prompts (
        begun REAL NOT NULL, agent TEXT NOT NULL, what TEXT, tokens INTEGER
    )""",
    "CREATE INDEX prompts_begun ON prompts (begun)",
    "CREATE TABLE servers (server TEXT PRIMARY KEY, tools INTEGER, tokens INTEGER) WITHOUT ROWID",
)
_INSERT: Final = f"INSERT INTO runs VALUES (NULL{', ?' * 23})"
_LOG: Final = logging.getLogger("underpass.metrics")


class PromptRow(NamedTuple):
    """Something that was put into a model's context besides programs and answers."""

    at: float
    agent: str
    what: str
    tokens: int


class MetricsStore:
    """The store in ``folder``. Every method raises ``OSError`` when the file cannot be read or written.

    A file that is no such store any more is kept aside under another name, which is said in the log, and a
    new one begun. One object is for one thread at a time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self._connection: sqlite3.Connection | None = None

    def write(
        self,
        runs: Iterable[RunRow],
        prompts: Iterable[PromptRow] = (),
        servers: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Write all, or nothing. What runs carried of definitions is taken from those that begin nothing.

        Parameters:
            servers: all that there are now: how many tools each has, and the tokens of their definitions.
        """
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for run in runs:
                    _insert(connection, run)
                connection.executemany(
                    "INSERT INTO prompts VALUES (?, ?, ?, ?)",
                    ((row.at, _name(row.agent), row.what, row.tokens) for row in prompts),
                )
                if servers:
                    connection.execute("DELETE FROM servers")
                    connection.executemany(
                        "INSERT OR REPLACE INTO servers VALUES (?, ?, ?)",
                        ((_name(server), *sizes) for server, sizes in servers.items()),
                    )
                connection.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """Return what a query finds; nothing where there is no store."""
        if not self.path.exists():
            return []
        with self._connected() as connection:
            return connection.execute(query, values or {}).fetchall()

    def tidy(self, days: float, most_bytes: int) -> None:
        """Remove what is older than ``days``, and then the oldest runs until all fit in ``most_bytes``."""
        if not self.path.exists():
            return
        since = time.time() - days * 86_400
        with self._connected() as connection:
            while _remove(connection, "SELECT number FROM runs WHERE begun < :since LIMIT :most", since):
                pass
            connection.execute("DELETE FROM prompts WHERE begun < ?", (since,))
            while _size(connection) > most_bytes and _remove(
                connection, "SELECT number FROM runs WHERE :since ORDER BY number LIMIT :most", since
            ):
                pass

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
        except sqlite3.Error as error:
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
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            # After a power cut the last second may be missing; the file stays whole.
            connection.execute("PRAGMA synchronous = NORMAL")
            _lay_out(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: sqlite3.Error) -> None:
        place = self.path.with_name(f"{FILE_NAME}.{time.time_ns()}.corrupt")
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                os.replace(f"{self.path}{suffix}", f"{place}{suffix}")  # noqa: PTH105 - names, not paths
        _LOG.warning("metrics: %s; %s was kept as %s", error, self.path, place.name)


def _insert(connection: sqlite3.Connection, run: RunRow) -> None:
    agent = _name(run.agent)
    last = connection.execute(
        "SELECT begun FROM runs WHERE agent = ? AND begun <= ? ORDER BY begun DESC LIMIT 1",
        (agent, run.begun),
    ).fetchone()
    run.begins = last is None or run.begun - last[0] > CONVERSATION_SECONDS
    if not run.begins:
        run.definitions_direct = run.definitions_code = 0
    kinds = run.token_kinds()
    calls, failed = (
        sum(use.calls for use in run.tools.values()),
        sum(use.failed for use in run.tools.values()),
    )
    number = connection.execute(
        _INSERT,
        (
            run.run, run.begun, agent, run.language, run.sandbox, _name(run.outcome), run.cached, run.code,
            run.code_lines, calls, failed, run.total_ms, run.queue_ms, run.start_ms, run.run_ms,
            kinds["definitions_direct"], kinds["calls"], kinds["results"], kinds["definitions_code"],
            kinds["code"], kinds["answers"], run.begins, run.tokenizer,
        ),
    ).lastrowid  # fmt: skip
    uses: dict[tuple[str, str], list[float]] = {}
    for (server, tool), use in run.tools.items():
        figures = (use.calls, use.failed, use.cached, use.milliseconds, use.bytes_out, use.results)
        known = uses.setdefault((_name(server), _name(tool)), [0] * len(figures))
        uses[_name(server), _name(tool)] = [a + b for a, b in zip(known, figures, strict=True)]
    connection.executemany(
        "INSERT INTO uses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((number, *names, *figures) for names, figures in uses.items()),
    )


def _name(name: str) -> str:
    # What a program asks for may be no text that can be written.
    return name[:_NAME] if name.isascii() else name[:_NAME].encode("utf-8", "backslashreplace").decode()


def _lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none. A file of an unknown format counts as none of ours."""
    if _version(connection) == 0:
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection) == 0:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    if (version := _version(connection)) != VERSION:
        raise _none_of_ours(f"its format is {version}, and this version knows {VERSION}")
    found = connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL")
    tables = {" ".join(row[0].split()) for row in found}
    if not tables.issuperset(" ".join(statement.split()) for statement in _SCHEMA):
        raise _none_of_ours("its tables are not those of metrics")


def _none_of_ours(why: str) -> sqlite3.DatabaseError:
    import sqlite3

    error = sqlite3.DatabaseError(why)
    error.sqlite_errorname = "SQLITE_NOTADB"
    return error


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _is_corrupt(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}


def _remove(connection: sqlite3.Connection, which: str, since: float) -> bool:
    """Remove some of the runs whose numbers a query gives; returns whether there were any."""
    numbers: Sequence[tuple[int]] = [
        (row[0],) for row in connection.execute(which, {"since": since, "most": _AT_ONCE})
    ]
    if not numbers:
        return False
    begun = time.monotonic()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("DELETE FROM uses WHERE number = ?", numbers)
    connection.executemany("DELETE FROM runs WHERE number = ?", numbers)
    connection.execute("COMMIT")
    # Writers that wait look seldom: half of the time is theirs.
    time.sleep(time.monotonic() - begun)
    return True


def _size(connection: sqlite3.Connection) -> int:
    size = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count"
    return connection.execute(f"{size}, pragma_page_size").fetchone()[0]
