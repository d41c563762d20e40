"""What is remembered of tools: their definitions, and the skills that were tested with others since."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from underpass.catalog.definition import ToolDefinition
from underpass.catalog.digest import definition, tool_digest
from underpass.sqlite_file import Layout, SqliteFile

FILE_NAME: Final = "tools.sqlite3"
MOST: Final = 20_000
"""Rows of each table; the oldest go first."""
_LARGEST: Final = 200_000
"""Characters of a definition that is kept."""
_LAYOUT: Final = Layout(
    "the record of skills and tools",
    (
        "CREATE TABLE definitions (digest TEXT PRIMARY KEY, definition TEXT, at REAL) WITHOUT ROWID",
        "CREATE TABLE verified (skill TEXT PRIMARY KEY, tools TEXT, at REAL) WITHOUT ROWID",
    ),
)
_LOG: Final = logging.getLogger("underpass.skills")


class DriftRecord:
    """The file in ``folder``. It waits for the disk; a disk that fails is said once, and nothing is kept."""

    def __init__(self, folder: Path) -> None:
        self._file = SqliteFile(folder / FILE_NAME, _LAYOUT, _LOG)
        self._said = False

    def definition(self, digest: str) -> Mapping[str, Any] | None:
        """Return the definition of that digest, where it is known."""
        try:
            rows = self._file.rows("SELECT definition FROM definitions WHERE digest = ?", (digest,))
        except OSError as error:
            self._say(error)
            return None
        return json.loads(rows[0][0]) if rows else None

    def keep(self, tools: Iterable[ToolDefinition]) -> None:
        """Remember definitions, so that it can be said later what changed."""
        rows: list[tuple[str, str, float]] = []
        for tool in tools:
            text = json.dumps(definition(tool))
            if len(text) <= _LARGEST:
                rows.append((tool_digest(tool), text, time.time()))
        self._write("INSERT OR IGNORE INTO definitions VALUES (?, ?, ?)", "definitions", "digest", rows)

    def lock(self, skill: str) -> Mapping[str, str] | None:
        """Return the digests of the tools that a skill, given by its digest, was tested with last."""
        try:
            rows = self._file.rows("SELECT tools FROM verified WHERE skill = ?", (skill,))
        except OSError as error:
            self._say(error)
            return None
        return json.loads(rows[0][0]) if rows else None

    def verified(self, skill: str, tools: Mapping[str, str]) -> None:
        """Remember that the cases of a skill have passed with other tools than it was saved with."""
        row = (skill, json.dumps(dict(tools)), time.time())
        self._write("INSERT OR REPLACE INTO verified VALUES (?, ?, ?)", "verified", "skill", [row])

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def _write(self, statement: str, table: str, key: str, rows: list[tuple[str, str, float]]) -> None:
        try:
            with self._file.writing() as connection:
                connection.executemany(statement, rows)
                connection.execute(
                    f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} ORDER BY at LIMIT"  # noqa: S608 - our own names
                    f" max(0, (SELECT count(*) FROM {table}) - ?))",
                    (MOST,),
                )
        except OSError as error:
            self._say(error)

    def _say(self, error: OSError) -> None:
        if not self._said:
            _LOG.warning("what skills were tested with cannot be kept: %s", error)
        self._said = True
