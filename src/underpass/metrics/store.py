"""The file of all runs' figures: one SQLite database, written by any number of processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from underpass.metrics.row import RunRow
from underpass.sqlite_file import Layout, SqliteFile

if TYPE_CHECKING:
    import sqlite3

FILE_NAME: Final = "metrics.sqlite3"
CONVERSATION_SECONDS: Final = 1_800.0
"""A pause of an agent that is longer begins another conversation, which carries the definitions again."""
WANTED: Final = (
    "runs.begun >= :since AND (:agents IS NULL OR substr(runs.agent, 1, length(:agents)) = :agents)"
)
"""Which runs are looked at; the same words hold for prompts under the name ``runs``."""
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
_LAYOUT: Final = Layout("metrics", _SCHEMA)
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
        self._file = SqliteFile(self.path, _LAYOUT, _LOG)

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
        with self._file.writing() as connection:
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

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """Return what a query finds; nothing where there is no store."""
        return self._file.rows(query, values or {})

    def tidy(self, days: float, most_bytes: int) -> None:
        """Remove what is older than ``days``, and then the oldest runs until all fit in ``most_bytes``."""
        if not self.path.exists():
            return
        since = time.time() - days * 86_400
        with self._file.connected() as connection:
            while _remove(connection, "SELECT number FROM runs WHERE begun < :since LIMIT :most", since):
                pass
            connection.execute("DELETE FROM prompts WHERE begun < ?", (since,))
            while _size(connection) > most_bytes and _remove(
                connection, "SELECT number FROM runs WHERE :since ORDER BY number LIMIT :most", since
            ):
                pass

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


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
