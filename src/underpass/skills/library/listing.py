"""The lines of one library's listing, remembered as long as the files are what they were."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Final

from underpass.skills.format.folder import FolderInvalid, Stamp
from underpass.skills.format.layout import SKILL
from underpass.skills.format.names import name_problem
from underpass.skills.library.shelf import ARCHIVE, RECENT, REVIEW, Place, Shelf
from underpass.skills.skill import SkillEntry

_LOG = logging.getLogger(__name__)
_MOST: Final = 10_000
"""Skills of one library."""
_LOOKED_AT: Final = 250
"""Files that a listing looks at again each time; with more skills than that, some are looked at later."""

Line = tuple[Stamp, SkillEntry]


class Listing:
    """The skills of one part of a library: those in use, in review, or in the archive.

    A change of the folder (a skill that came, went or was replaced) is seen at once. A file that was
    changed in its place is seen by one of the next listings; whoever imports a skill reads all its files.
    """

    def __init__(self, shelf: Shelf, part: str = "") -> None:
        self._shelf = shelf
        self._place: Place = (part,) if part else ()
        self._folder = str(shelf.folder / part) if part else str(shelf.folder)
        self._stamp: tuple[int, int] | None = None
        self._inodes: dict[str, int] = {}
        self._next = 0
        self._lock = Lock()
        self.lines: dict[str, Line] = {}
        self.changes = 0
        """Grows with each change."""
        self.read = 0
        """How many skills were read."""

    def restore(self, lines: Mapping[str, Line]) -> None:
        """Begin with lines that were kept; each counts as long as its file is what it was."""
        self.lines.update(lines)

    def refresh(self) -> None:
        """Look what has changed."""
        with self._lock:
            try:
                status = os.stat(self._folder)  # noqa: PTH116 - half the time of a path
            except OSError:
                self._clear()
                return
            stamp = (status.st_ino, status.st_mtime_ns)
            if stamp != self._stamp:
                self._scan()
                self._stamp = stamp if status.st_mtime_ns < time.time_ns() - RECENT else None
            self._look_again()

    def _clear(self) -> None:
        if self.lines:
            self.changes += 1
        self.lines, self._inodes, self._stamp = {}, {}, None

    def _scan(self) -> None:
        try:
            with os.scandir(self._folder) as entries:
                found = {
                    entry.name: entry.inode()
                    for entry in entries
                    if not entry.name.startswith((".", "__")) and entry.is_dir(follow_symlinks=False)
                }
        except OSError:
            self._clear()
            return
        if len(found) > _MOST:
            _LOG.warning("%s has more than %d skills; the others are not listed", self._folder, _MOST)
            found = dict(sorted(found.items())[:_MOST])
        for name in self.lines.keys() - found.keys():
            del self.lines[name]
            self.changes += 1
        for name, inode in found.items():
            if self._inodes.get(name) != inode:
                self._look(name)
        self._inodes = found

    def _look_again(self) -> None:
        names = list(self._inodes)
        if len(names) > _LOOKED_AT:
            self._next = self._next % len(names)
            start, self._next = self._next, self._next + _LOOKED_AT
            names = names[start : self._next]
        for name in names:
            self._look(name)

    def _look(self, name: str) -> None:
        stamp = self._stamp_of(name)
        known = self.lines.get(name)
        if known is not None and known[0] == stamp:
            return
        if stamp is None and name_problem(name):
            # Some folder, and no skill.
            if self.lines.pop(name, None):
                self.changes += 1
            return
        begun = time.time_ns()
        self.read += 1
        entry = self._entry(name)
        if stamp is None or stamp[3] > begun - RECENT:
            stamp = (0, 0, 0, 0)  # it is read again
        if known is None or known[1] != entry:
            self.changes += 1
        self.lines[name] = (stamp, entry)

    def _stamp_of(self, name: str) -> Stamp | None:
        with suppress(OSError, ValueError):
            status = os.lstat(f"{self._folder}/{name}/{SKILL}")
            return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        return None

    def _entry(self, name: str) -> SkillEntry:
        try:
            return self._shelf.read((*self._place, name)).entry()
        except FileNotFoundError:
            problems = ["it went away"]
        except FolderInvalid as error:
            problems = list(error.problems)
        shown = name if name.isascii() and name.isprintable() else ascii(name)[1:-1]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return damaged(shown[:80], self._shelf, f"{problems[0][:300]}{more}")


def damaged(name: str, shelf: Shelf, problem: str) -> SkillEntry:
    """Return the line of a folder that is no skill."""
    return SkillEntry(name, "", "", "python", "", "active", shelf.scope, (), (), "", problem=problem)


def listings(shelf: Shelf) -> dict[str, Listing]:
    """Return the parts of a library: in use, in review, in the archive."""
    return {part: Listing(shelf, part) for part in ("", REVIEW, ARCHIVE)}
