"""What the user has approved: folders as a whole, and skills by the digest of all their files."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from underpass.sqlite_file import Layout, SqliteFile

_LOG = logging.getLogger(__name__)
_LAYOUT: Final = Layout(
    "trusted skills",
    (
        "CREATE TABLE approved (digest TEXT PRIMARY KEY, skill TEXT NOT NULL, at REAL NOT NULL)",
        "CREATE TABLE folders (path TEXT PRIMARY KEY, at REAL NOT NULL)",
    ),
)


class Trust:
    """Kept in a file of the user's own, outside of all repositories.

    Parameters:
        folder: the user's own.
    """

    def __init__(self, folder: Path) -> None:
        self._file = SqliteFile(folder / "trusted-skills.db", _LAYOUT, _LOG)
        self._approved: frozenset[str] = frozenset()
        self._state: tuple[int, int, int] | None = None

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self._file.path

    def close(self) -> None:
        """Let the file go; the next use opens it again."""
        self._file.close()

    def is_approved(self, digest: str) -> bool:
        """Whether a skill with exactly these files was approved. What cannot be read approves nothing."""
        return bool(self._rows("SELECT 1 FROM approved WHERE digest = ?", digest))

    def approved(self) -> frozenset[str]:
        """Return all digests that were approved; the same object as long as nothing has changed."""
        if not self._file.path.exists():
            return frozenset()
        try:
            with self._file.connected() as connection:
                # The first counts what others have changed, the second what we have.
                state = (
                    id(connection),
                    connection.execute("PRAGMA data_version").fetchone()[0],
                    connection.total_changes,
                )
                if self._state != state:
                    rows = connection.execute("SELECT digest FROM approved")
                    self._approved, self._state = frozenset(row[0] for row in rows), state
        except OSError as error:
            _LOG.warning("trusted skills cannot be read, so none are: %s", error)
            return frozenset()
        return self._approved

    def is_trusted(self, library: Path) -> bool:
        """Whether all of a library is trusted, whatever comes into it."""
        return bool(self._rows("SELECT 1 FROM folders WHERE path = ?", _key(library)))

    def approve(self, skill: str, digests: Iterable[str]) -> None:
        """Approve skills by their digests. Raises ``OSError``."""
        rows = [(digest, skill, time.time()) for digest in digests]
        with self._file.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO approved VALUES (?, ?, ?)", rows)

    def revoke(self, digest: str) -> None:
        """Take an approval back. Raises ``OSError``."""
        if self._file.path.exists():
            with self._file.connected() as connection:
                connection.execute("DELETE FROM approved WHERE digest = ?", (digest,))

    def trust(self, library: Path) -> None:
        """Trust a library as a whole. Raises ``OSError``."""
        with self._file.connected() as connection:
            connection.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", (_key(library), time.time()))

    def distrust(self, library: Path) -> None:
        """Take that back. Raises ``OSError``."""
        if self._file.path.exists():
            with self._file.connected() as connection:
                connection.execute("DELETE FROM folders WHERE path = ?", (_key(library),))

    def _rows(self, query: str, *values: str) -> list[tuple[str]]:
        try:
            return [tuple(row) for row in self._file.rows(query, values)]
        except OSError as error:
            _LOG.warning("trusted skills cannot be read, so none are: %s", error)
            return []


def _key(library: Path) -> str:
    return str(library.resolve())
