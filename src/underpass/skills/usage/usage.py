"""Counts the uses of skills: taken down at once, written later, in batches."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.skills.skill import Use
from underpass.skills.usage.figures import Figures
from underpass.sqlite_file import Layout, SqliteFile

FILE_NAME: Final = "usage.sqlite3"
WRITE_AFTER: Final = 0.5
"""Seconds after which what waits is written."""
MOST_WAITING: Final = 10_000
"""Uses that wait to be written at most: those that come then are not counted."""
MOST_ROWS: Final = 100_000
"""Pairs of a skill's version and an agent; the longest unused go first."""
_NAME: Final = 200
_LAYOUT: Final = Layout(
    "the usage of skills",
    (
        """CREATE TABLE uses (
            name TEXT, digest TEXT, agent TEXT, version TEXT, uses INTEGER, succeeded INTEGER,
            milliseconds REAL, last REAL, PRIMARY KEY (name, digest, agent)
        ) WITHOUT ROWID""",
        "CREATE INDEX uses_last ON uses (last)",
    ),
)
_ADD: Final = """INSERT INTO uses VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    uses = uses + excluded.uses, succeeded = succeeded + excluded.succeeded,
    milliseconds = milliseconds + excluded.milliseconds, last = max(last, excluded.last)"""
_TIDY: Final = """DELETE FROM uses WHERE (name, digest, agent) IN (SELECT name, digest, agent FROM uses
    ORDER BY last LIMIT max(0, (SELECT count(*) FROM uses) - ?))"""
_OF_ONE: Final = """SELECT sum(uses), sum(succeeded), sum(milliseconds), max(last), count(DISTINCT agent)
    FROM uses WHERE name = :name AND (:digest IS NULL OR digest = :digest)
    AND substr(agent, 1, length(:agents)) = :agents"""
_OF_EACH: Final = """SELECT digest, sum(uses), sum(succeeded), sum(milliseconds), max(last),
    count(DISTINCT agent) FROM uses WHERE substr(agent, 1, length(:agents)) = :agents GROUP BY digest"""
_LOG: Final = logging.getLogger("underpass.skills")


class SkillUsage(Background):
    """The uses of all skills: ``Uses`` and ``SkillFigures``. Enter it before use.

    Figures are kept by name, by the digest of the skill's files, and by agent, so that a skill that is
    changed begins anew and no tenant sees the use that another makes of its own.

    Parameters:
        folder: where the file is; it is made when there is something to write.
    """

    def __init__(self, folder: Path) -> None:
        self._file = SqliteFile(folder / FILE_NAME, _LAYOUT, _LOG)
        self._waiting: deque[Use] = deque()
        self._due = anyio.Event()
        self._writing = threading.Lock()
        self._sums: tuple[object, dict[str, tuple[int, float]]] = (None, {})
        self._said = False
        self.lost = 0
        """Uses that could not be counted."""

    def note(self, use: Use) -> None:
        """Take down one use; it is written within a second."""
        if len(self._waiting) >= MOST_WAITING:
            self.lost += 1
            return
        self._waiting.append(use)
        self._due.set()

    def success(self, names: Sequence[str]) -> Mapping[str, tuple[int, float]]:
        """Return the uses and the share of successful ones of each skill that has any, by all agents.

        What another process has written since is among it. It never raises.
        """
        stamp = self._stamp()
        if stamp != self._sums[0]:
            try:
                rows = self._file.rows("SELECT name, sum(uses), sum(succeeded) FROM uses GROUP BY name")
            except OSError as error:
                self._say(error)
                rows = []
            self._sums = (stamp, {row[0]: (row[1], row[2] / row[1]) for row in rows if row[1]})
        known = self._sums[1]
        return {name: known[name] for name in names if name in known}

    def of(self, name: str, digest: str | None = None, *, agents: str = "") -> Figures:
        """Return the figures of one skill. It waits for the disk: call it in a thread.

        Parameters:
            digest: of this version alone; by default of all that there were.
            agents: what the names of the agents begin with whose uses are counted.
        """
        self.settle()
        found = self._rows(
            _OF_ONE,
            {"name": name, "digest": digest, "agents": agents},
        )
        return Figures(*found[0]) if found and found[0][0] else Figures()

    def all(self, *, agents: str = "") -> dict[str, Figures]:
        """Return the figures of every skill, by the digest of its files. Call it in a thread.

        Parameters:
            agents: as for ``of``.
        """
        self.settle()
        rows = self._rows(
            _OF_EACH,
            {"agents": agents},
        )
        return {row[0]: Figures(*tuple(row)[1:]) for row in rows}

    def settle(self) -> None:
        """Write what waits, for any thread. What cannot be written is lost, which is said once."""
        with self._writing:
            uses = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not uses:
                return
            try:
                with self._file.writing() as connection:
                    connection.executemany(_ADD, _summed(uses))
                    connection.execute(_TIDY, (MOST_ROWS,))
            except OSError as error:
                self.lost += len(uses)
                self._say(error)

    async def _work(self) -> None:
        while True:
            await self._due.wait()
            await anyio.sleep(WRITE_AFTER)
            self._due = anyio.Event()
            await anyio.to_thread.run_sync(self.settle)

    async def _finish(self) -> None:
        self.settle()
        self._file.close()

    def _rows(self, query: str, values: Mapping[str, Any]) -> list[Any]:
        try:
            return list(self._file.rows(query, values))
        except OSError as error:
            self._say(error)
            return []

    def _stamp(self) -> object:
        return tuple(_facts(self._file.path.with_name(f"{FILE_NAME}{suffix}")) for suffix in ("", "-wal"))

    def _say(self, error: OSError) -> None:
        if not self._said:
            _LOG.warning("the uses of skills cannot be counted: %s", error)
        self._said = True


def _summed(uses: Sequence[Use]) -> list[tuple[str, str, str, str, int, int, float, float]]:
    sums: dict[tuple[str, str, str, str], list[float]] = {}
    for use in uses:
        key = (use.name[:_NAME], use.digest[:_NAME], use.agent[:_NAME], use.version[:_NAME])
        known = sums.setdefault(key, [0, 0, 0.0, 0.0])
        known[0] += 1
        known[1] += use.ok
        known[2] += max(use.milliseconds, 0.0)
        known[3] = max(known[3], use.at)
    return [(*key, int(count), int(ok), took, last) for key, (count, ok, took, last) in sums.items()]


def _facts(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size
