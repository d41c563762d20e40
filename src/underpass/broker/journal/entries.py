"""What is written of a run's calls and of its end: into the database, or ahead of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

if TYPE_CHECKING:
    import sqlite3

SHIFT: Final = 24
"""A call's key is its run's number and, in so many bits, its sequence: a run's calls lie together, and
writing one of them changes one page."""
Facts = tuple[str, str, str, str, str, bool, int]
"""Of a call: server, tool, the definition's digest, the arguments' digest, the arguments, whether it may be
repeated, and its place in the run."""
Result = tuple[str, int | None, bytes | None, str | None, int | None, str | None]
"""Of a call: state, place of its end in the run, result or the result's digest and size, and error."""
_IN_FLIGHT: Final[Result] = ("in flight", None, None, None, None, None)
_BEGIN: Final = (
    "INSERT{} INTO calls (key, server, tool, definition, digest, arguments, idempotent, began, state, ended,"
    " result, content, content_bytes, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT: Final = _BEGIN.format("")
_INSERT_AGAIN: Final = _BEGIN.format(" OR IGNORE")
_UPDATE: Final = (
    "UPDATE calls SET state = ?, ended = ?, result = ?, content = ?, content_bytes = ?, error = ?"
    " WHERE key = ?"
)
_UPDATE_AGAIN: Final = f"{_UPDATE} AND state = 'in flight'"
_OVER: Final = "UPDATE runs SET ended = ?, cause = ? WHERE number = ?"


class Row(Protocol):
    """Where a run stands in the journal."""

    def number_in(self, connection: sqlite3.Connection) -> int:
        """Return the run's number, after making its row where there is none."""
        ...


class CallBegan:
    """A call begins; where its end is known by the time that this is written, it is written as well."""

    __slots__ = ("_facts", "_result", "_row", "_sequence", "is_written")

    def __init__(self, row: Row, sequence: int, facts: Facts) -> None:
        self._row = row
        self._sequence = sequence
        self._facts = facts
        self._result = _IN_FLIGHT
        self.is_written = False

    def end(self, result: Result) -> None:
        """Add the end."""
        self._result = result

    def __call__(self, connection: sqlite3.Connection) -> None:
        key = self._row.number_in(connection) << SHIFT | self._sequence
        connection.execute(_INSERT, (key, *self._facts, *self._result))
        self.is_written = True

    def ahead(self) -> list[Any]:
        """Return it for ``carry_on``."""
        return ["began", self._sequence, *self._facts]


class CallEnded:
    """A call has ended.

    Parameters:
        began: what was noted of its beginning; None where that was in the first life of its run.
    """

    __slots__ = ("_is_written", "_result", "_row", "_sequence")

    def __init__(self, row: Row, sequence: int, result: Result, began: CallBegan | None) -> None:
        self._row = row
        self._sequence = sequence
        self._result = result
        self._is_written = began is not None and not began.is_written
        if began is not None and self._is_written:
            began.end(result)

    def __call__(self, connection: sqlite3.Connection) -> None:
        if not self._is_written:
            key = self._row.number_in(connection) << SHIFT | self._sequence
            connection.execute(_UPDATE, (*self._result, key))

    def ahead(self) -> list[Any]:
        state, ended, result, *rest = self._result
        return ["ended", self._sequence, state, ended, None if result is None else result.decode(), *rest]


class RunEnded:
    """A run has ended."""

    __slots__ = ("_cause", "_ended", "_row")

    def __init__(self, row: Row, ended: float, cause: str) -> None:
        self._row = row
        self._ended = ended
        self._cause = cause

    def __call__(self, connection: sqlite3.Connection) -> None:
        connection.execute(_OVER, (self._ended, self._cause, self._row.number_in(connection)))

    def ahead(self) -> list[Any]:
        return ["over", self._ended, self._cause]


ENTRIES: Final = (CallBegan, CallEnded, RunEnded)
"""The steps of a transaction that can be written ahead as well."""
Entry = CallBegan | CallEnded | RunEnded


def line_of(entries: Sequence[tuple[str, Entry]]) -> bytes:
    """Return a line for ``carry_on``, of entries and the runs that they belong to."""
    return orjson.dumps([[run, *entry.ahead()] for run, entry in entries])


def carry_on(host: str, lines: Sequence[bytes], connection: sqlite3.Connection) -> None:
    """Write what a dead process has written ahead. It may have been written before, in part or as a whole.

    Parameters:
        host: the process; what it says of a run that another one has continued since was written then.
    """
    numbers: dict[str, int | None] = {}
    for line in lines:
        try:
            entries: list[list[Any]] = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # lost by the disk when the machine stopped
        for run, *entry in entries:
            if run not in numbers:
                row = connection.execute(
                    "SELECT number FROM runs WHERE run = ? AND host = ?", (run, host)
                ).fetchone()
                numbers[run] = None if row is None else row[0]
            if (number := numbers[run]) is not None:
                _carry_on(connection, number, entry)


def _carry_on(connection: sqlite3.Connection, number: int, entry: list[Any]) -> None:
    match entry:
        case ["began", sequence, *facts]:
            connection.execute(_INSERT_AGAIN, (number << SHIFT | sequence, *facts, *_IN_FLIGHT))
        case ["ended", sequence, state, ended, result, *rest]:
            content = None if result is None else result.encode()
            values = (state, ended, content, *rest, number << SHIFT | sequence)
            connection.execute(_UPDATE_AGAIN, values)
        case ["over", ended, cause]:
            connection.execute(f"{_OVER} AND ended IS NULL", (ended, cause, number))
        case _:
            pass
