"""The table of candidates: programs that worked, by their shapes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from underpass.metrics.store import CONVERSATION_SECONDS
from underpass.sqlite_file import Layout, SqliteFile

if TYPE_CHECKING:
    import sqlite3

FILE_NAME: Final = "candidates.sqlite3"
MOST_RUNS: Final = 20_000
"""Runs that are kept; the oldest are forgotten first."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of programs and values."""
MOST_DAYS: Final = 90.0
RUNS_OF_SHAPE: Final = 8
"""Runs of one shape whose programs and values are kept; the youngest."""
CLAIM_SECONDS: Final = 900.0
"""How long one process may take to promote a candidate before another may."""
State = Literal["open", "claimed", "promoted", "refused"]
_LOG: Final = logging.getLogger("underpass.skills")
_SCHEMA: Final = (
    (
        "CREATE TABLE shapes (shape TEXT PRIMARY KEY, language TEXT NOT NULL, tools TEXT NOT NULL,"
        " unbound TEXT NOT NULL, state TEXT NOT NULL, since REAL NOT NULL, skill TEXT, gate TEXT,"
        " reason TEXT, tried INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE runs (number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, shape TEXT NOT NULL,"
        " code TEXT NOT NULL, agent TEXT NOT NULL, session TEXT, at REAL NOT NULL,"
        " conversation INTEGER NOT NULL, result TEXT NOT NULL, value BLOB, bytes INTEGER NOT NULL)"
    ),
    ("CREATE INDEX runs_of_shape ON runs (shape, number)"),
    ("CREATE INDEX runs_of_agent ON runs (agent, session, at)"),
    (
        "CREATE TABLE codes (digest TEXT PRIMARY KEY, code TEXT NOT NULL, literals BLOB NOT NULL)"
        " WITHOUT ROWID"
    ),
)
_LAYOUT: Final = Layout("candidates for skills", _SCHEMA)
_COUNTS: Final = (
    "SELECT shapes.*, count(*) AS runs, count(DISTINCT conversation) AS conversations, max(at) AS last,"
    " max(run) AS youngest FROM shapes JOIN runs USING (shape)"
)


@dataclass(frozen=True, slots=True)
class CandidateRun:
    """A successful run."""

    run: str
    shape: str
    language: str
    tools: tuple[str, ...]
    unbound: tuple[str, ...]
    code: str
    code_digest: str
    literals: bytes
    """JSON: the literals by their places."""
    agent: str
    session: str | None
    at: float
    result: str
    """The digest of the value."""
    value: bytes | None
    """The value as JSON; None where it is too large to be kept."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Programs of one shape that worked."""

    shape: str
    """The digest of the normalised tree."""
    language: str
    tools: tuple[str, ...]
    """``server.tool``, in the order of their first calls."""
    state: State
    """``refused`` where a gate stands in its way: it is tried again once twice as many runs are known."""
    runs: int
    """Runs that are known of it; more than are kept whole."""
    conversations: int
    """Different sessions that these were in."""
    last: float
    """When the last one was, in seconds since 1970."""
    run: str
    """The youngest of them: what `underpass skills save` takes."""
    skill: str | None = None
    """The skill that was made of it."""
    gate: str | None = None
    """The gate that refused it."""
    reason: str | None = None
    """Why, in one line."""


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run of a candidate, as the table has it."""

    run: str
    code: str
    agent: str
    value: Any
    has_value: bool
    """Whether the value is kept."""


class CandidateTable:
    """The table in ``folder``. Every method waits for the disk, and raises ``OSError``; for any thread."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._file = SqliteFile(self.path, _LAYOUT, _LOG)

    def write(self, runs: Sequence[CandidateRun]) -> bool:
        """Add runs, all or none. Returns whether one of them makes its shape one of two sessions."""
        recurs = False
        with self._file.writing() as connection:
            for run in runs:
                recurs = self._add(connection, run) or recurs
        return recurs

    def _add(self, connection: sqlite3.Connection, run: CandidateRun) -> bool:
        conversation = _conversation(connection, run)
        size = len(run.value or b"") + 200
        cursor = connection.execute(
            "INSERT OR IGNORE INTO runs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run.run, run.shape, run.code_digest, run.agent, run.session, run.at, conversation, run.result,
                run.value, size,
            ),
        )  # fmt: skip
        if not cursor.rowcount:
            return False
        connection.execute(
            "INSERT INTO shapes VALUES (?, ?, ?, ?, 'open', ?, NULL, NULL, NULL, 0, 1)"
            " ON CONFLICT (shape) DO UPDATE SET seen = seen + 1",
            (run.shape, run.language, orjson.dumps(run.tools).decode(), " ".join(run.unbound), run.at),
        )
        connection.execute(
            "INSERT OR IGNORE INTO codes VALUES (?, ?, ?)", (run.code_digest, run.code, run.literals)
        )
        # What is beyond the youngest runs of a shape counts, and is not kept whole.
        connection.execute(
            "UPDATE runs SET value = NULL, bytes = 200 WHERE shape = ? AND value NOT NULL AND number <= ("
            "SELECT number FROM runs WHERE shape = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (run.shape, run.shape, RUNS_OF_SHAPE),
        )
        (count,) = connection.execute(
            "SELECT count(DISTINCT conversation) FROM runs WHERE shape = ?", (run.shape,)
        ).fetchone()
        return count > 1

    def candidates(self, *, limit: int = 1_000) -> list[Candidate]:
        """Return the candidates, those of the most sessions first."""
        rows = self._file.rows(
            f"{_COUNTS} GROUP BY shape ORDER BY conversations DESC, runs DESC, last DESC LIMIT ?", (limit,)
        )
        return [_candidate(row) for row in rows]

    def of_run(self, run: str) -> Candidate | None:
        """Return the candidate that a run belongs to."""
        rows = self._file.rows(
            f"{_COUNTS} WHERE shape = (SELECT shape FROM runs WHERE run = ?)"  # noqa: S608 - a constant
            " GROUP BY shape",
            (run,),
        )
        return _candidate(rows[0]) if rows else None

    def due(self) -> list[Candidate]:
        """Return the candidates that recur in two sessions and that nobody has tried with what is known."""
        rows = self._file.rows(
            f"{_COUNTS} WHERE unbound = '' AND (state = 'open' OR state = 'refused' AND seen >= 2 * tried"
            " OR state = 'claimed' AND since < ?) GROUP BY shape HAVING conversations > 1 ORDER BY last",
            (time.time() - CLAIM_SECONDS,),
        )
        return [_candidate(row) for row in rows]

    def kept(self, shape: str) -> list[KeptRun]:
        """Return the youngest runs of a shape, the youngest first; one for each program and value."""
        rows = self._file.rows(
            "SELECT max(number) AS number, run, codes.code AS code, agent, value FROM runs"
            " JOIN codes ON codes.digest = runs.code WHERE shape = ? GROUP BY runs.code, result"
            " ORDER BY number DESC LIMIT ?",
            (shape, RUNS_OF_SHAPE),
        )
        return [_kept(row) for row in rows]

    def run(self, run: str) -> KeptRun | None:
        """Return a run."""
        rows = self._file.rows(
            "SELECT run, codes.code AS code, agent, value FROM runs JOIN codes ON codes.digest = runs.code"
            " WHERE run = ?",
            (run,),
        )
        return _kept(rows[0]) if rows else None

    def unbound(self, shape: str) -> tuple[str, ...]:
        """Return the names that programs of a shape use and do not have."""
        rows = self._file.rows("SELECT unbound FROM shapes WHERE shape = ?", (shape,))
        return tuple(rows[0]["unbound"].split()) if rows else ()

    def claim(self, shape: str) -> bool:
        """Let nobody else promote a candidate; returns False where somebody else does, or has."""
        with self._file.writing() as connection:
            now = time.time()
            cursor = connection.execute(
                "UPDATE shapes SET state = 'claimed', since = ? WHERE shape = ?"
                " AND (state IN ('open', 'refused') OR state = 'claimed' AND since < ?)",
                (now, shape, now - CLAIM_SECONDS),
            )
        return cursor.rowcount > 0

    def reserve(self, shape: str, name: str) -> bool:
        """Take a name for the skill of a claimed candidate; returns False where another one has it."""
        with self._file.writing() as connection:
            cursor = connection.execute(
                "UPDATE shapes SET skill = ?1 WHERE shape = ?2"
                " AND NOT EXISTS (SELECT 1 FROM shapes WHERE skill = ?1 AND shape <> ?2)",
                (name, shape),
            )
        return cursor.rowcount > 0

    def release(self, shape: str) -> None:
        """Let a claimed candidate go about which nothing was decided."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE shapes SET state = 'open', skill = NULL WHERE shape = ? AND state = 'claimed'",
                (shape,),
            )

    def promoted(self, shape: str, skill: str) -> None:
        """Say which skill a candidate has become."""
        self._decide(shape, "promoted", skill, None, None)

    def refused(self, shape: str, gate: str, reason: str) -> None:
        """Say why a candidate becomes none."""
        self._decide(shape, "refused", None, gate, reason[:500])

    def _decide(
        self, shape: str, state: State, skill: str | None, gate: str | None, reason: str | None
    ) -> None:
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE shapes SET state = ?, skill = ?, gate = ?, reason = ?, since = ?, tried = seen"
                " WHERE shape = ?",
                (state, skill, gate, reason, time.time(), shape),
            )

    def tidy(self, *, days: float = MOST_DAYS, runs: int = MOST_RUNS, most_bytes: int = MOST_BYTES) -> None:
        """Forget what is too old or too much. What became of a shape is known for as long as its runs."""
        if not self.path.exists():
            return
        with self._file.writing() as connection:
            oldest = time.time() - days * 86_400
            connection.execute("DELETE FROM runs WHERE at < ?", (oldest,))
            connection.execute(
                "DELETE FROM runs WHERE number <="
                " (SELECT number FROM runs ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (runs,),
            )
            self._shorten(connection, most_bytes)
            connection.execute("DELETE FROM codes WHERE digest NOT IN (SELECT code FROM runs)")
            connection.execute(
                "DELETE FROM shapes WHERE state <> 'promoted' AND shape NOT IN (SELECT shape FROM runs)"
            )
            # What has become a skill is not to become it again: it is remembered four times as long.
            connection.execute(
                "DELETE FROM shapes WHERE since < ? AND shape NOT IN (SELECT shape FROM runs)",
                (time.time() - 4 * days * 86_400,),
            )

    def _shorten(self, connection: sqlite3.Connection, most_bytes: int) -> None:
        left = most_bytes
        codes: set[str] = set()
        for number, code, size, text in connection.execute(
            "SELECT number, runs.code, bytes, length(codes.code) + length(literals) FROM runs"
            " JOIN codes ON codes.digest = runs.code ORDER BY number DESC"
        ).fetchall():
            left -= size if code in codes else size + text
            codes.add(code)
            if left < 0:
                connection.execute("DELETE FROM runs WHERE number <= ?", (number,))
                return

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def _conversation(connection: sqlite3.Connection, run: CandidateRun) -> int:
    """Return the number of the conversation of a run: the last one of its agent's, or a new one."""
    row = connection.execute(
        "SELECT conversation, at FROM runs WHERE agent = ? AND session IS ? ORDER BY at DESC LIMIT 1",
        (run.agent, run.session),
    ).fetchone()
    if row is not None and abs(run.at - row["at"]) <= CONVERSATION_SECONDS:
        return row["conversation"]
    (most,) = connection.execute("SELECT max(conversation) FROM runs").fetchone()
    return (most or 0) + 1


def _candidate(row: sqlite3.Row) -> Candidate:
    return Candidate(
        row["shape"],
        row["language"],
        tuple(orjson.loads(row["tools"])),
        row["state"],
        row["runs"],
        row["conversations"],
        row["last"],
        row["youngest"],
        row["skill"],
        row["gate"],
        row["reason"],
    )


def _kept(row: sqlite3.Row) -> KeptRun:
    value = row["value"]
    return KeptRun(
        row["run"],
        row["code"],
        row["agent"],
        None if value is None else orjson.loads(value),
        value is not None,
    )
