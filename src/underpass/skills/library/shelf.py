"""One library: a folder with a folder for each skill, and hidden ones for what is not in use."""

from __future__ import annotations

import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from underpass.skills.format.folder import FolderInvalid, Stamp, folder_at, read_files, stamps_of
from underpass.skills.format.layout import Reading, reading_of
from underpass.skills.format.names import is_version, version_key
from underpass.skills.library.disk import make_folder, put_folder, remove_folder, tidy
from underpass.skills.skill import Scope

REVIEW: Final = ".review"
ARCHIVE: Final = ".archive"
VERSIONS: Final = ".versions"
_DAMAGED: Final = ".damaged-"
_REMEMBERED: Final = 64 * 1024 * 1024
"""Bytes of skills' files that are remembered."""
RECENT: Final = 100_000_000
"""Nanoseconds. The clock of a file system is coarse: two changes within one tick look like one."""

Place = tuple[str, ...]
"""The folders from a library to a skill."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    stamps: Mapping[str, Stamp]
    reading: Reading
    size: int


class Shelf:
    """Reads and writes one library. It decides nothing.

    Parameters:
        scope: whose it is.
        base: a folder that is trusted to be what it is.
        below: the folders from there to the library, none of which may be a link.
    """

    def __init__(self, scope: Scope, base: Path, below: tuple[str, ...]) -> None:
        self.scope: Scope = scope
        self.folder = base.joinpath(*below)
        self._base = base
        self._below = below
        self._remembered: OrderedDict[Place, _Remembered] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def read(self, place: Place) -> Reading:
        """Return a skill as it is now.

        Raises:
            FileNotFoundError: there is none.
            FolderInvalid: it breaks the rules, or cannot be read.
        """
        try:
            with self._at(place) as folder:
                stamps = stamps_of(folder)
                known = self._remembered.get(place)
                if known is not None and known.stamps == stamps:
                    return known.reading
                begun = time.time_ns()
                files = read_files(folder, stamps)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise FolderInvalid(f"the folder cannot be read: {error.strerror or error}") from error
        reading = reading_of(files, place[-1], self.scope, self.folder.joinpath(*place))
        if max(stamp[3] for stamp in stamps.values()) < begun - RECENT:
            self._remember(place, stamps, reading)
        return reading

    def find(self, place: Place) -> Reading | None:
        """Return a skill; None where there is none, or none that can be read."""
        try:
            return self.read(place)
        except (FileNotFoundError, FolderInvalid):
            return None

    def versions(self, name: str) -> list[str]:
        """Return the older versions that are kept, the newest first."""
        try:
            with self._at((VERSIONS, name)) as folder:
                found = [each for each in os.listdir(folder) if is_version(each)]  # noqa: PTH208 - a descriptor
        except OSError:
            return []
        return sorted(found, key=version_key, reverse=True)

    def make(self) -> None:
        """Make the library where there is none. Raises ``OSError``."""
        self._base.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            inside = stack.enter_context(folder_at(self._base))
            for name in self._below:
                make_folder(inside, name)
                inside = stack.enter_context(folder_at(name, inside))

    def put(self, place: Place, files: Mapping[str, bytes]) -> None:
        """Write a skill, whole or not at all, in the place of what is there. Raises ``OSError``."""
        *parents, name = place
        with ExitStack() as stack:
            inside = stack.enter_context(self._at(()))
            for parent in parents:
                make_folder(inside, parent)
                inside = stack.enter_context(folder_at(parent, inside))
            put_folder(inside, name, files)
        self._forget(place)

    def remove(self, place: Place) -> None:
        """Take a skill away; that there is none is fine. Raises ``OSError``."""
        *parents, name = place
        with suppress(FileNotFoundError), self._at(tuple(parents)) as folder:
            remove_folder(folder, name)
        self._forget(place)

    def set_aside(self, name: str) -> None:
        """Keep a folder that cannot be read under a hidden name. Raises ``OSError``."""
        with suppress(FileNotFoundError), self._at(()) as folder:
            os.rename(name, f"{_DAMAGED}{name}-{secrets.token_hex(4)}", src_dir_fd=folder, dst_dir_fd=folder)

    def tidy(self, name: str) -> None:
        """Take away what a process that died while it wrote ``name`` has left."""
        for parents in ((), (REVIEW,), (ARCHIVE,)):
            with suppress(OSError), self._at(parents) as folder:
                tidy(folder)
        for version in self.versions(name):
            with suppress(OSError), self._at((VERSIONS, name, version)) as folder:
                tidy(folder)

    @contextmanager
    def _at(self, place: Place) -> Generator[int]:
        with ExitStack() as stack:
            inside = stack.enter_context(folder_at(self._base))
            for name in (*self._below, *place):
                inside = stack.enter_context(folder_at(name, inside))
            yield inside

    def _remember(self, place: Place, stamps: Mapping[str, Stamp], reading: Reading) -> None:
        size = sum(stamp[1] for stamp in stamps.values())
        with self._lock:
            self._drop(place)
            self._remembered[place] = _Remembered(stamps, reading, size)
            self._size += size
            while self._size > _REMEMBERED:
                self._drop(next(iter(self._remembered)))

    def _forget(self, place: Place) -> None:
        with self._lock:
            self._drop(place)

    def _drop(self, place: Place) -> None:
        if (known := self._remembered.pop(place, None)) is not None:
            self._size -= known.size
