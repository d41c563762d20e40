"""Where shapes are kept: one SQLite file in the state folder, written by any number of processes."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from underpass.shapes.shape import Shape
from underpass.sqlite_file import Layout, SqliteFile

if TYPE_CHECKING:
    import sqlite3

FILE_NAME: Final = "shapes-1.sqlite3"
"""The number is the format's: other versions of it keep files of their own."""
MOST_BYTES_OF_A_SHAPE: Final = 64 * 1024
MOST_BYTES: Final = 32 * 1024 * 1024
_HEADER: Final = 28
"""Bytes of the file that hold SQLite's count of changes: clocks are too coarse to show each of them."""
_TABLE: Final = """CREATE TABLE IF NOT EXISTS shapes (
    server TEXT, tool TEXT, digest TEXT, updated REAL, shape TEXT, PRIMARY KEY (server, tool)
) WITHOUT ROWID"""
# A power cut may cost the last seconds of what is only a help, and never the file.
_LAYOUT: Final = Layout("observed shapes", (_TABLE,), pragmas=("synchronous = NORMAL",), stays_open=False)
_LOG: Final = logging.getLogger("underpass.shapes")


class Key(NamedTuple):
    """A tool under one definition."""

    server: str
    tool: str
    digest: str


@dataclass(frozen=True, slots=True)
class StoredShape:
    """What is known of one tool's results."""

    key: Key
    shape: Shape


class ShapeStore:
    """The shapes of all tools, in the file at ``path``.

    Every method raises ``OSError`` when the file cannot be read or written. A file that is no database
    any more is kept aside under another name, which is said in the log, and a new one begun.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = SqliteFile(path, _LAYOUT, _LOG)
        self._seen: tuple[int, bytes] | None = None
        self._servers: dict[str, dict[str, StoredShape] | None] = {}

    def find(self, server: str) -> Mapping[str, StoredShape]:
        """Return the shapes of a server's tools by name. What did not change is not read again."""
        try:
            with self._path.open("rb") as file:
                seen = (os.fstat(file.fileno()).st_ino, file.read(_HEADER))
        except FileNotFoundError:
            return {}
        if seen != self._seen:
            names = self._file.rows("SELECT DISTINCT server FROM shapes")
            self._servers = dict.fromkeys((name for (name,) in names), None)
            self._seen = seen
        if server not in self._servers:
            return {}
        if (known := self._servers[server]) is None:
            rows = {row.key.tool: row for row in self._rows(server)}
            known = self._servers[server] = rows
        return known

    def all(self) -> list[StoredShape]:
        """Return every shape, by server and tool."""
        return self._rows()

    def add(self, shapes: Mapping[Key, Shape]) -> None:
        """Merge ``shapes`` into what is stored. What was stored under another definition is replaced."""
        now = time.time()
        with self._file.writing() as connection:
            for key, shape in shapes.items():
                row = connection.execute(
                    "SELECT digest, shape FROM shapes WHERE server = ? AND tool = ?", key[:2]
                ).fetchone()
                if row is not None and row[0] == key.digest and (stored := _read(row[1])) is not None:
                    stored.merge(shape)
                else:
                    stored = shape
                connection.execute(
                    "INSERT OR REPLACE INTO shapes VALUES (?, ?, ?, ?, ?)", (*key, now, _write(stored))
                )
            _make_room(connection)

    def forget(self, server: str, tool: str | None = None) -> int:
        """Remove the shape of a tool, or of all tools of a server; return how many there were."""
        if not self._path.exists():
            return 0
        with self._file.connected() as connection:
            return connection.execute(
                "DELETE FROM shapes WHERE server = ? AND (? IS NULL OR tool = ?)", (server, tool, tool)
            ).rowcount

    def _rows(self, server: str | None = None) -> list[StoredShape]:
        rows = self._file.rows(
            "SELECT server, tool, digest, shape FROM shapes WHERE ? IS NULL OR server = ?"
            " ORDER BY server, tool",
            (server, server),
        )
        read = ((Key(*names), _read(text)) for *names, text in rows)
        return [StoredShape(key, shape) for key, shape in read if shape is not None]


def _read(text: str) -> Shape | None:
    """Return a stored shape, or None when it is none."""
    try:
        return Shape.from_json(json.loads(text))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _write(shape: Shape) -> str:
    text = json.dumps(shape.to_json(), separators=(",", ":"))
    if len(text) <= MOST_BYTES_OF_A_SHAPE:
        return text
    # So large, it would help nobody; that there is one is all that is kept.
    unknown = Shape()
    unknown.unknown = shape.count
    return json.dumps(unknown.to_json())


def _make_room(connection: sqlite3.Connection) -> None:
    """Remove a quarter of the tools, those seen longest ago, when the file is full."""
    size = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count"
    if connection.execute(f"{size}, pragma_page_size").fetchone()[0] > MOST_BYTES:
        connection.execute(
            "DELETE FROM shapes WHERE (server, tool) IN (SELECT server, tool FROM shapes ORDER BY updated"
            " LIMIT (SELECT count(*) / 4 + 1 FROM shapes))"
        )
