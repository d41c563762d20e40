"""Looking things up in the trail."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from underpass.broker.audit.chain import Chain
from underpass.broker.audit.files import segment_path, segments
from underpass.broker.audit.row import Row, read_row

COLUMNS: Final = (
    "n", "at", "kind", "run", "agent", "server", "tool", "definition", "arguments", "decision", "rule",
    "outcome", "reached", "error", "bytes_in", "bytes_out", "duration_ms", "language", "environment",
    "session", "attempt", "code", "cause", "hash",
)  # fmt: skip
"""Of a table of rows; what a row has besides is about the trail itself."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows are wanted; None for any."""

    run: str | None = None
    agent: str | None = None
    server: str | None = None
    tool: str | None = None
    decision: str | None = None
    """``allow``, ``ask`` or ``deny``; or what came of it: ``allowed``, ``refused``, ``unanswered``."""
    since: datetime | None = None

    def wants(self, row: Row) -> bool:
        """Whether the row is one of them."""
        return all(
            (
                self.run in (None, row.get("run")),
                self.agent in (None, row.get("agent")),
                self.server in (None, row.get("server")),
                self.tool in (None, row.get("tool")),
                self.decision in (None, row.get("decision"), row.get("outcome")),
                self.since is None or time_of(row) >= self.since,
            )
        )


def time_of(row: Row) -> datetime:
    """Return when a row was made; long ago where it does not say."""
    try:
        at = datetime.fromisoformat(row["at"])
    except (KeyError, TypeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def take_over(folder: Path, key: bytes) -> None:
    """Write what processes that were killed have left to be written, where that is possible."""
    chain = Chain(folder, key=key)
    chain.take_over()
    chain.close()


def youngest(folder: Path, wanted: Filter, limit: int, *, key: bytes = b"") -> list[Row]:
    """Return the youngest rows that are wanted, the oldest of them first. Raises ``OSError``.

    Parameters:
        key: of the rows' hashes. Without it, what a process that was killed has written last may be missing.
    """
    take_over(folder, key)
    found: list[Row] = []
    for number in reversed(segments(folder)):
        for line in reversed(_lines(folder, number)):
            row = read_row(line)
            if row is None or row.get("kind") == "segment" or not wanted.wants(row):
                continue
            found.append(row)
            if len(found) == limit:
                return found[::-1]
    return found[::-1]


def export(folder: Path, format_: Literal["jsonl", "csv"], *, key: bytes = b"") -> Iterator[bytes]:
    """Yield the whole trail in parts: the lines as they are, or a table. Raises ``OSError``.

    Parameters:
        key: as for ``youngest``.
    """
    take_over(folder, key)
    if format_ == "csv":
        yield ",".join(COLUMNS).encode() + b"\n"
    for number in segments(folder):
        lines = _lines(folder, number)
        if format_ == "jsonl":
            yield b"".join(line + b"\n" for line in lines)
        else:
            yield _table(lines).encode()


def _table(lines: list[bytes]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for line in lines:
        row = read_row(line)
        if row is not None and row.get("kind") != "segment":
            writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    return text.getvalue()


def _cell(value: object) -> object:
    # A program may ask for a tool of any name, and a spreadsheet takes some of them for formulas.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _lines(folder: Path, number: int) -> list[bytes]:
    try:
        return segment_path(folder, number).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []  # it has become too old meanwhile
