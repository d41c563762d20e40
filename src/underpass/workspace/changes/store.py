"""The file of what runs changed: one SQLite database, written by any number of processes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from underpass.sqlite_file import Layout, SqliteFile

FOLDER: Final = "changes"
_KEPT: Final = 20_000
"""Runs of which it is known; the oldest are forgotten."""
_MOST: Final = 500
"""Files of one run that are named; the others are counted."""
_LAYOUT: Final = Layout(
    "the record of changed files",
    (
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL UNIQUE, mixed INTEGER NOT NULL,
            more INTEGER NOT NULL, files TEXT NOT NULL
        )""",
    ),
)
_ADD: Final = "INSERT OR IGNORE INTO runs (run, mixed, more, files) VALUES (?, ?, ?, ?)"
_FORGET: Final = "DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?"
_LOG: Final = logging.getLogger("underpass.workspace")

How = Literal["created", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """What became of one file."""

    path: str
    """Relative to the workspace."""
    how: How
    before: int | None
    """Bytes; None where there was none."""
    after: int | None

    def then(self, later: FileChange) -> FileChange | None:
        """Return what this and a later change come to together; None for nothing."""
        if later.how == "removed":
            return None if self.how == "created" else FileChange(self.path, "removed", self.before, None)
        how: How = "created" if self.how == "created" else "changed"
        return FileChange(self.path, how, self.before, later.after)


@dataclass(frozen=True, slots=True)
class FilesOfRun:
    """The files that a run created, changed and removed."""

    run: str
    files: tuple[FileChange, ...]
    """By path."""
    mixed: bool
    """Whether other runs of the agent were too near in time to tell all changes apart."""
    more: int = 0
    """How many there are besides."""

    def to_dict(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {"files": [asdict(each) for each in self.files], "more": self.more, "mixed": self.mixed}


class ChangesStore:
    """The store in the state folder ``state``. Every method raises ``OSError`` where the file is no good."""

    def __init__(self, state: Path) -> None:
        self._file = SqliteFile(state / FOLDER / "changes.sqlite3", _LAYOUT, _LOG)

    def add(self, found: Sequence[FilesOfRun]) -> None:
        """Keep what runs changed; what an earlier life of a run changed stays."""
        with self._file.writing() as connection:
            connection.executemany(_ADD, [(each.run, each.mixed, each.more, "[]") for each in found])
            for each in found:
                if not each.files:
                    continue  # as most runs
                kept = _read(connection.execute("SELECT * FROM runs WHERE run = ?", (each.run,)).fetchone())
                whole = _together(kept, each)
                named, more = whole.files[:_MOST], whole.more + max(len(whole.files) - _MOST, 0)
                files = [[file.path, file.how, file.before, file.after] for file in named]
                values = (whole.mixed, more, json.dumps(files, separators=(",", ":")), each.run)
                connection.execute("UPDATE runs SET mixed = ?, more = ?, files = ? WHERE run = ?", values)
            connection.execute(_FORGET, (_KEPT,))

    def find(self, run: str) -> FilesOfRun | None:
        """Return what a run changed; None where that is not recorded."""
        rows = self._file.rows("SELECT * FROM runs WHERE run = ?", (run,))
        return _read(rows[0]) if rows else None

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def merged(files: Mapping[str, FileChange], later: Iterable[FileChange]) -> dict[str, FileChange]:
    """Return what changes and later ones come to together, by path."""
    found = dict(files)
    for each in later:
        earlier = found.pop(each.path, None)
        whole = each if earlier is None else earlier.then(each)
        if whole is not None:
            found[each.path] = whole
    return found


def _together(first: FilesOfRun, later: FilesOfRun) -> FilesOfRun:
    files = merged({each.path: each for each in first.files}, later.files)
    return FilesOfRun(
        first.run,
        tuple(sorted(files.values(), key=lambda each: each.path)),
        first.mixed or later.mixed,
        first.more + later.more,
    )


def _read(row: Mapping[str, Any] | Any) -> FilesOfRun:
    files: Sequence[Sequence[Any]] = json.loads(row["files"])
    return FilesOfRun(
        row["run"], tuple(FileChange(*file) for file in files), bool(row["mixed"]), int(row["more"])
    )
