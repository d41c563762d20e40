"""How much a workspace holds, counted so that its owner's code cannot mislead the count."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OPEN: Final = (
    os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)  # fmt: skip
_BLOCK: Final = 512
"""The unit of ``st_blocks``, on every file system."""
_DEEPEST: Final = 64
"""Levels of folders; each that is entered takes a descriptor of the host."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a workspace holds."""

    bytes: int = 0
    """A file counts with its length or its blocks on disk, whichever is more: a sparse file takes
    its whole length wherever it is copied, and many small files take many blocks."""
    files: int = 0
    """Files and folders."""
    largest: int = 0
    """The length of the largest file, in bytes."""
    unread: str = ""
    """A folder that could not be counted, if there is one."""

    def exceeds(self, other: Usage) -> bool:
        """Whether it holds more than ``other``, in bytes or in files."""
        return self.bytes > other.bytes or self.files > other.files or bool(self.unread) > bool(other.unread)


def measure(folder: Path, most: int) -> Usage:
    """Count what is in ``folder``, and stop once there are more than ``most`` files and folders.

    Links are counted, and never followed: the workspace may change while it is read. A file with
    several names counts once. What is on another file system is not counted. It does not raise.
    """
    count = _Count(most)
    try:
        top = os.open(folder, _OPEN)
    except FileNotFoundError:
        return Usage()
    except OSError:
        return Usage(unread=".")
    try:
        count.device = os.fstat(top).st_dev
        count.walk(top, "", 0)
    finally:
        os.close(top)
    return Usage(count.bytes, count.files, count.largest, count.unread)


class _Count:
    def __init__(self, most: int) -> None:
        self.device = 0
        self.bytes = self.files = self.largest = 0
        self.unread = ""
        self._most = most
        self._linked: set[int] = set()

    def walk(self, folder: int, name: str, depth: int) -> None:
        # A descriptor, and not a path, leads to each folder: nobody can put a link in the way.
        inside: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    # It has been removed since it was listed.
                    continue
                self.files += 1
                if self.files > self._most:
                    return
                if self._add(status):
                    inside.append(entry.name)
        for each in inside:
            self._enter(folder, f"{name}{each}", each, depth + 1)
            if self.files > self._most:
                return

    def _add(self, status: os.stat_result) -> bool:
        """Count one file or folder; returns whether there is more in it."""
        is_folder = stat.S_ISDIR(status.st_mode)
        if status.st_dev != self.device:
            return False
        if status.st_nlink > 1 and not is_folder:
            if status.st_ino in self._linked:
                return False
            self._linked.add(status.st_ino)
        self.bytes += max(status.st_size, status.st_blocks * _BLOCK)
        if not is_folder:
            self.largest = max(self.largest, status.st_size)
        return is_folder

    def _enter(self, parent: int, path: str, name: str, depth: int) -> None:
        if depth > _DEEPEST:
            self.unread = self.unread or path
            return
        try:
            folder = os.open(name, _OPEN, dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            # Closed to us, or a link by now.
            self.unread = self.unread or path
            return
        try:
            self.walk(folder, f"{path}/", depth)
        finally:
            os.close(folder)
