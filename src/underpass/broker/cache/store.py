"""What is kept of calls and runs, in memory and on disk."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.broker.cache.disk import DiskEntries
from underpass.broker.cache.entry import Entry
from underpass.broker.cache.epochs import Epochs
from underpass.broker.cache.memory import MemoryEntries
from underpass.broker.journal.presence import boot
from underpass.config import CacheSettings

_MB: Final = 1_048_576
_WRITE_AFTER: Final = 0.1
"""Seconds for which what is to be written is collected."""
_SMALL: Final = 262_144
"""Bytes up to which a file is read at once; a larger one is read in a thread, beside other runs."""
_LOOK_AFTER: Final = 2.0
"""Seconds after which it is looked what other processes have written: asking for each file takes longer than
most of a call's way through the broker."""
_DAY: Final = 86_400.0
_LOG: Final = logging.getLogger("underpass.cache")


seconds: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.time
)
"""Seconds that all processes of this machine count alike, and that go on while it sleeps."""


class ResultStore(Background):
    """Entries by their keys; enter it before use.

    Nobody waits for the disk where something is kept. A machine that was restarted begins with nothing:
    whether a server was written to shortly before is not known then.

    Parameters:
        folder: the folder of the cache in the state folder.
        settings: how much is kept.
        clock: what lives of entries go by.
    """

    def __init__(
        self, folder: Path, settings: CacheSettings, *, clock: Callable[[], float] = seconds
    ) -> None:
        self.now = clock
        self._root = folder
        self._place = place_of(folder)
        self.epochs = Epochs(self._place / "epochs", clock)
        self._memory = MemoryEntries(settings.memory_mb * _MB)
        lasts = settings.disk_mb and boot()
        self._disk = entries_of(folder, settings.disk_mb) if lasts else None
        self._most_pending = settings.memory_mb * _MB
        self._there: set[str] | None = None
        """The keys of what is on disk; None before someone has looked."""
        self._looked = 0.0
        self._pending: list[tuple[str, Entry]] = []
        self._pending_size = 0
        self._due = anyio.Event()
        self._said = False

    def has(self, key: str) -> bool:
        """Whether ``find`` may find an entry."""
        if self._memory.has(key):
            return True
        if self._disk is None:
            return False
        if self._there is None:
            return True
        if self.now() - self._looked > _LOOK_AFTER and not self._due.is_set():
            self._due.set()
        return key in self._there

    async def find(self, key: str) -> Entry | None:
        """Return an entry that is still good."""
        entry = self._memory.get(key)
        if entry is not None and self.is_good(entry):
            return entry
        if self._disk is None:
            return None
        if self._there is None:
            self._look()  # once, and it takes a few milliseconds
        if self._there is not None and key not in self._there:
            return None
        read = self._disk.read
        small = self._disk.size_of(key) <= _SMALL
        entry = read(key) if small else await anyio.to_thread.run_sync(read, key)
        if entry is None or not self.is_good(entry):
            return None
        self._memory.put(key, entry)
        return entry

    def is_good(self, entry: Entry) -> bool:
        """Whether an entry's time is not over, and nobody has written to what it rests on."""
        if not entry.stored <= self.now() < entry.until:
            return False
        return all(self.epochs.is_current(place, epoch) for place, epoch in entry.epochs)

    def put(self, key: str, entry: Entry, *, lasting: bool) -> None:
        """Keep an entry.

        Parameters:
            lasting: whether it means something to other processes.
        """
        self._memory.put(key, entry)
        if lasting and self._disk is not None and self._pending_size + entry.size <= self._most_pending:
            self._pending.append((key, entry))
            self._pending_size += entry.size
            if not self._due.is_set():
                self._due.set()

    async def _work(self) -> None:
        tidied = False
        while True:
            await self._due.wait()
            await anyio.sleep(_WRITE_AFTER)
            self._due = anyio.Event()
            await anyio.to_thread.run_sync(self._write, self._take())
            await anyio.to_thread.run_sync(self._look)
            if not tidied:
                tidied = True
                await anyio.to_thread.run_sync(self._forget_other_boots)

    async def _finish(self) -> None:
        self._write(self._take())
        self.epochs.close()

    def _look(self) -> None:
        if self._disk is not None:
            self._there, self._looked = self._disk.keys(), self.now()

    def _take(self) -> list[tuple[str, Entry]]:
        pending, self._pending, self._pending_size = self._pending, [], 0
        return pending

    def _write(self, entries: list[tuple[str, Entry]]) -> None:
        disk, now = self._disk, self.now()
        if disk is None:
            return
        try:
            for key, entry in entries:
                if entry.until > now:
                    disk.write(key, entry, entry.until - now)
        except OSError as error:
            if not self._said:
                _LOG.warning("results are kept in memory only: %s", error)
            self._said = True

    def _forget_other_boots(self) -> None:
        with suppress(OSError):
            for other in self._root.iterdir():
                if other != self._place and other.stat().st_mtime < time.time() - _DAY:
                    shutil.rmtree(other, ignore_errors=True)


def place_of(folder: Path) -> Path:
    """Return where this start of the machine keeps what is in a cache's folder."""
    return folder / hashlib.sha256(boot().encode()).hexdigest()[:16]


def entries_of(folder: Path, disk_mb: int) -> DiskEntries:
    """Return the entries on disk of a cache's folder."""
    return DiskEntries(place_of(folder) / "entries", disk_mb * _MB)
