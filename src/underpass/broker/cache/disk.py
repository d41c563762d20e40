"""Entries on disk: a file each, which any number of processes write, read and remove."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from underpass.broker.cache.entry import Entry, dump, load

_SHARE: Final = 8
"""The folder is looked through whenever this process has written such a part of its bound."""
_NEW: Final = "new"
_ABANDONED: Final = 3_600.0
"""Seconds after which nobody writes to a new file any more."""
_BLOCK: Final = 512


@dataclass(frozen=True, slots=True)
class Kept:
    """One file, as the file system shows it."""

    path: Path
    size: int
    used: float
    """When it was last used, in seconds since 1970."""
    until: float
    """When it is of no use any more, in seconds since 1970."""


class DiskEntries:
    """A folder of entries. A file is there whole or not at all, and one that was damaged is not taken.

    A file's time of access is when it was last used, and its time of modification when it will be stale:
    the folder can be tidied without reading a file.

    Parameters:
        folder: made when something is written.
        most: bytes of all files together.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self._most = most
        self._prefix = f"{folder}{os.sep}"
        self._written = most
        """Bytes since the folder was looked through; it has to be, before the first is written."""
        self._made: set[str] = set()

    def keys(self) -> set[str]:
        """Return the keys of all files."""
        found: set[str] = set()
        with suppress(OSError):
            for folder in os.listdir(self.folder):  # noqa: PTH208 - there may be thousands
                if len(folder) == 2:
                    with suppress(OSError):
                        found.update(os.listdir(self.folder / folder))  # noqa: PTH208
        return found

    def size_of(self, key: str) -> int:
        """Return the bytes of an entry's file; 0 where there is none any more."""
        with suppress(OSError):
            return Path(self._name(key)).stat().st_size
        return 0

    def read(self, key: str) -> Entry | None:
        """Return an entry, which counts as used; None where there is none, or none that is whole."""
        name = self._name(key)
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        with suppress(OSError), open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            status = os.fstat(descriptor)
            entry = load(key, file.read())
            if entry is None:
                Path(name).unlink(missing_ok=True)
                return None
            os.utime(name, ns=(time.time_ns(), status.st_mtime_ns))
            return entry
        return None

    def write(self, key: str, entry: Entry, seconds: float) -> None:
        """Keep an entry that is good for so many seconds. Raises ``OSError``."""
        if self._written * _SHARE >= self._most:
            self.tidy()
        content = dump(key, entry)
        if len(content) * _SHARE > self._most:
            return
        new = self.folder / _NEW / secrets.token_hex(8)
        self._make(_NEW)
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - as above
                file.write(content)
                file.flush()
                self._written += os.fstat(descriptor).st_blocks * _BLOCK
            now = time.time()
            os.utime(new, (now, now + seconds))
            self._make(key[:2])
            new.replace(self._name(key))
        except BaseException:
            # Someone may have removed the folders.
            self._made.clear()
            new.unlink(missing_ok=True)
            raise

    def all(self) -> Iterator[Kept]:
        """Return what is there."""
        with suppress(FileNotFoundError):
            for folder in sorted(self.folder.iterdir()):
                if len(folder.name) == 2:
                    yield from _files(folder)

    def tidy(self) -> None:
        """Remove what is stale, and then what was unused for the longest, until there is room."""
        now = time.time()
        files = list(self.all())
        room = self._most - self._most // 4
        for file in sorted(files, key=lambda file: (file.until > now, file.used), reverse=True):
            room -= file.size
            if file.until <= now or room < 0:
                file.path.unlink(missing_ok=True)
        for file in _files(self.folder / _NEW):
            if file.until < now - _ABANDONED:
                file.path.unlink(missing_ok=True)
        self._written = 0

    def clear(self) -> int:
        """Remove everything; returns how many entries that were."""
        files = list(self.all())
        for file in files:
            file.path.unlink(missing_ok=True)
        return len(files)

    def _name(self, key: str) -> str:
        return f"{self._prefix}{key[:2]}{os.sep}{key}"

    def _make(self, name: str) -> None:
        if name not in self._made:
            (self.folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._made.add(name)


def _files(folder: Path) -> Iterator[Kept]:
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted(folder.iterdir()):
            with suppress(FileNotFoundError):
                status = path.stat()
                size = max(status.st_size, status.st_blocks * _BLOCK)
                yield Kept(path, size, status.st_atime, status.st_mtime)
