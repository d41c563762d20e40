"""Questions and their answers: one SQLite database for all processes of a state folder."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from underpass.broker.approvals.question import Answer, Question
from underpass.sqlite_file import Layout, SqliteFile

if TYPE_CHECKING:
    import sqlite3

FILE_NAME: Final = "approvals.sqlite3"
_SCHEMA: Final = (
    """CREATE TABLE questions (
        id TEXT PRIMARY KEY, run TEXT, agent TEXT, server TEXT, tool TEXT, definition TEXT, digest TEXT,
        arguments TEXT, reason TEXT, rule TEXT, asked REAL, host TEXT, answer TEXT, closed TEXT
    ) WITHOUT ROWID""",
    "CREATE INDEX of_run ON questions (run, server, tool)",
)
_LAYOUT: Final = Layout("approvals", _SCHEMA, pragmas=(), stays_open=False)
"""What is written is on the disk: it is little, and seldom."""
_OPEN: Final = (
    "SELECT id, run, agent, server, tool, arguments, reason, rule, asked, host, answer FROM questions"
    " WHERE closed IS NULL ORDER BY asked, id"
)
_GIVEN: Final = "SELECT id, answer FROM questions WHERE answer NOT NULL AND closed IS NULL"
_TOOL: Final = "run = ? AND server = ? AND tool = ? AND definition = ?"
_LOG: Final = logging.getLogger("underpass.approvals")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is about: the same tool, called in the same run with the same arguments."""

    run: str
    server: str
    tool: str
    definition: str
    """The digest of the tool's definition, and what asked."""
    digest: str
    """Of the arguments."""


@dataclass(frozen=True, slots=True)
class KeptQuestion:
    """A question that has not come to its end."""

    question: Question
    asked: float
    """Seconds since 1970."""
    host: str
    """The process that waits, as ``Presence`` knows it; empty where none does any more."""
    answer: Answer | None
    """What nobody has made use of yet."""

    def to_dict(self) -> dict[str, Any]:
        """The question as one JSON object."""
        asked = datetime.fromtimestamp(self.asked, UTC).isoformat(timespec="seconds")
        return {**self.question.to_dict(), "asked": asked, "answer": self.answer}


class ApprovalStore:
    """The database in ``folder``. Every method raises ``OSError`` when it cannot be read or written.

    What is written is on the disk, since it is little and seldom. A file that is no database any more is
    kept aside under another name, which is said in the log, and a new one begun.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self._file = SqliteFile(self.path, _LAYOUT, _LOG)

    def add(self, question: Question, subject: Subject, host: str) -> None:
        """Keep a question that is about to be asked; what another process asked about the same call goes."""
        values = (
            question.id, question.run, question.agent, question.server, question.tool, subject.definition,
            subject.digest, question.arguments, question.reason, question.rule, time.time(), host,
        )  # fmt: skip
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE questions SET closed = 'asked again' WHERE run = ? AND run != '' AND server = ?"
                " AND tool = ? AND digest = ? AND host != ? AND closed IS NULL",
                (subject.run, subject.server, subject.tool, subject.digest, host),
            )
            connection.execute(
                "INSERT INTO questions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)", values
            )

    def answer(self, question: str, answer: Answer) -> bool:
        """Answer a question from outside; returns whether it still waited for one."""
        if not self.path.exists():
            return False
        with self._file.writing() as connection:
            changed = connection.execute(
                "UPDATE questions SET answer = ? WHERE id = ? AND answer IS NULL AND closed IS NULL",
                (answer, question),
            )
            return changed.rowcount == 1

    def take(self, question: str) -> Answer | None:
        """Return what was answered from outside, if anything; it is used up by that."""
        with self._file.writing() as connection:
            return _taken(connection, f"{_GIVEN} AND id = ?", (question,))

    def take_for(self, subject: Subject) -> Answer | None:
        """Return an answer that nobody has made use of, because the process that asked has died.

        One for the rest of the run stays, and so does a refusal of this very call.
        """
        if not self.path.exists():
            return None
        tool = (subject.run, subject.server, subject.tool, subject.definition)
        with self._file.writing() as connection:
            found = connection.execute(
                f"SELECT closed FROM questions WHERE {_TOOL}"  # noqa: S608 - a constant
                " AND (closed IN ('run', 'always') OR closed = 'refuse' AND digest = ?) LIMIT 1",
                (*tool, subject.digest),
            ).fetchone()
            if found is not None:
                return "refuse" if found[0] == "refuse" else "run"
            return _taken(connection, f"{_GIVEN} AND {_TOOL} AND digest = ?", (*tool, subject.digest))

    def close(self, question: str, how: str) -> bool:
        """Note how a question ended; returns whether nobody had answered it from outside until then.

        Parameters:
            how: an answer, or in words why there is none.
        """
        with self._file.writing() as connection:
            changed = connection.execute(
                "UPDATE questions SET closed = ? WHERE id = ? AND answer IS NULL AND closed IS NULL",
                (how, question),
            )
            return changed.rowcount == 1

    def leave(self, question: str) -> None:
        """Note that nobody waits for the answer any more; one that comes yet is kept."""
        with self._file.writing() as connection:
            connection.execute("UPDATE questions SET host = '' WHERE id = ?", (question,))

    def open(self) -> list[KeptQuestion]:
        """Return the questions that have not come to their end, the oldest first."""
        return [KeptQuestion(Question(*row[:8]), *row[8:]) for row in self._file.rows(_OPEN)]

    def forget(self, days: float) -> None:
        """Remove the questions that are older."""
        if not self.path.exists():
            return
        with self._file.writing() as connection:
            connection.execute("DELETE FROM questions WHERE asked < ?", (time.time() - days * 86_400,))


def _taken(connection: sqlite3.Connection, query: str, values: tuple[str, ...]) -> Answer | None:
    row = connection.execute(query, values).fetchone()
    if row is None:
        return None
    connection.execute("UPDATE questions SET closed = answer WHERE id = ?", (row[0],))
    return cast("Answer", row[1])
