"""Entries in memory: as many as fit, the last used."""

from __future__ import annotations

from collections import OrderedDict

from underpass.broker.cache.entry import Entry

_LARGEST = 4
"""An entry takes this part of the room at most, so that none drives out all others."""


class MemoryEntries:
    """A bounded store in which the entry that was unused for the longest goes first.

    Parameters:
        most: bytes of all entries together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def has(self, key: str) -> bool:
        """Whether there is such an entry."""
        return key in self._entries

    def get(self, key: str) -> Entry | None:
        """Return an entry, which counts as used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry in place of the one before."""
        size = entry.size
        if key in self._entries:
            self.remove(key)
        if size * _LARGEST > self._most:
            return
        self._entries[key] = entry
        self.size += size
        while self.size > self._most:
            _, oldest = self._entries.popitem(last=False)
            self.size -= oldest.size

    def remove(self, key: str) -> None:
        """Let an entry go, if there is one."""
        if (entry := self._entries.pop(key, None)) is not None:
            self.size -= entry.size
