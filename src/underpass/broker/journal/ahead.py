"""What is written before a database or a shared file takes it, for the case that this process is killed."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from underpass.broker.journal.presence import Presence, boot, lock

LARGE: Final = 16 * 1024 * 1024
"""Bytes from which a log takes no more: what it is ahead of does not follow."""


class AheadLog(Presence):
    """A log of this process's own, in its presence file: whoever finds the process dead finds it there.

    One write to a file that nobody shares takes a tenth of a transaction. What it took outlives this
    process, however it ends, and has to be written where it belongs soon; then it is cleared here.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # Without either, nobody could tell that this process has died, or that the disk forgot the log.
        self._is_usable = sys.platform != "win32" and bool(boot())
        self._size = 0

    def append(self, line: bytes) -> None:
        """Write a line, whole or not at all. Raises ``OSError``."""
        if not self._is_usable or self._size > LARGE:
            raise OSError(errno.ENOTSUP, "there is no log to write ahead")
        self.take()
        assert self._descriptor is not None
        content = line + b"\n"
        if (written := os.pwrite(self._descriptor, content, self._size)) < len(content):
            # A disk that is full takes what it can. What follows must not continue that line.
            self._is_usable = False
            os.ftruncate(self._descriptor, self._size)
            self._is_usable = True
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} after {written} bytes")
        self._size += len(content)

    def clear(self) -> None:
        """Forget everything: it stands where it belongs. Raises ``OSError``."""
        if self._descriptor is not None and self._size:
            os.ftruncate(self._descriptor, 0)
            self._size = 0

    def leave(self) -> None:
        """Let the lock go; what was not cleared is found by others."""
        if self._size and self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor, self._size = None, 0
        super().leave()


def take_over(folder: Path, carry_on: Callable[[str, list[bytes]], object]) -> None:
    """Have what dead processes wrote ahead written where it belongs, and forget these processes.

    Parameters:
        folder: where the processes have their logs.
        carry_on: does it, given a process's name and the lines of its log; may have done it before. A log for
            which it raises ``OSError`` stays.
    """
    try:
        paths = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # somebody else has done it, or may
        try:
            if lock(descriptor) and os.fstat(descriptor).st_nlink:
                if lines := _lines(descriptor):
                    carry_on(path.name, lines)
                path.unlink(missing_ok=True)
        except OSError:
            continue
        finally:
            os.close(descriptor)


def _lines(descriptor: int) -> list[bytes]:
    """Return the whole lines: what follows the last was never promised to anybody."""
    with open(descriptor, "rb", closefd=False) as file:
        return file.read().split(b"\n")[:-1]
