"""Fingerprints of texts: whether a piece of one occurs in another, without keeping either."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from underpass.broker.flow.telling import RUN, codes

_HASH: Final = (1 << 48) - 1
_PLACE_BITS: Final = 16
_PLACES: Final = (1 << 12) - 1
"""Different places of one server's values that are told apart; the others are called by the server."""
_CHUNK: Final = 1 << 14
"""Characters that are read at once, and fingerprints that are sorted together for the first time."""
_SORTED: Final = 1 << 16
"""Fingerprints that are sorted together at most: while they are, they take five times as much."""
_SLOTS: Final = (1 << 21) - 1
"""A byte for each says whether there may be such a fingerprint."""
STRIDE: Final = 4
MOST: Final = 1 << 19
"""Fingerprints of one run: 4 MiB."""


def fingerprint(piece: str) -> int:
    """Return the fingerprint of one piece. It means nothing in another process."""
    return hash(piece) & _HASH


def pieces(text: str, size: int, begin: int = 0, end: int | None = None, stride: int = 1) -> list[int]:
    """Return the fingerprints of the pieces of ``size`` characters between two places of a text."""
    last = (len(text) if end is None else end) - size
    return [hash(text[at : at + size]) & _HASH for at in range(begin, last + 1, stride)]


@dataclass(slots=True)
class _OfServer:
    """What one server gave."""

    sorted: list[array[int]] = field(default_factory=list["array[int]"])
    """Fingerprints, each with the number of its place in the lowest bits."""
    places: dict[str, int] = field(default_factory=dict[str, int])
    fresh: dict[int, int] = field(default_factory=dict[int, int])
    """Fingerprints that are not sorted yet, with the numbers of their places."""

    def add(self, prints: Iterable[int], place: str) -> None:
        number = self.places.get(place)
        if number is None:
            number = min(len(self.places), _PLACES)
            if number < _PLACES:
                self.places[place] = number
        self.fresh.update(dict.fromkeys(prints, number))
        if len(self.fresh) >= _CHUNK:
            self.settle()

    def settle(self) -> None:
        """Sort what is fresh: 8 bytes each instead of a hundred."""
        if not self.fresh:
            return
        entries = array("Q", sorted([one << _PLACE_BITS | place for one, place in self.fresh.items()]))
        self.fresh = {}
        while self.sorted and len(self.sorted[-1]) <= min(2 * len(entries), _SORTED - len(entries)):
            entries = array("Q", sorted(chain(self.sorted.pop(), entries)))
        self.sorted.append(entries)

    def find(self, one: int) -> int | None:
        """Return the number of the place of a fingerprint."""
        if (place := self.fresh.get(one)) is not None:
            return place
        least = one << _PLACE_BITS
        for entries in self.sorted:
            at = bisect_left(entries, least)
            if at < len(entries) and entries[at] >> _PLACE_BITS == one:
                return entries[at] & (1 << _PLACE_BITS) - 1
        return None


class Fingerprints:
    """What is remembered of the texts that some servers gave, in bounded memory.

    Of what is like a code each piece is remembered, and of running words each fourth: enough for a run of
    ``RUN`` characters. When half of the room is taken it is each eighth, so that a run must be longer to be
    found, and later each sixteenth. What comes when all is taken is not remembered.

    Parameters:
        size: the characters of a piece.
        most: fingerprints that are kept, of 8 bytes each.
    """

    def __init__(self, size: int, *, most: int = MOST) -> None:
        self.size = size
        self._room = self._most = most
        self._servers: dict[str, _OfServer] = {}
        self._slots = bytearray(0)
        self.strides: set[int] = set()
        """Those of the texts that are remembered."""

    @property
    def stride(self) -> int:
        """Characters from one piece of running words that is remembered to the next; 0: there is no room."""
        if self._room <= self._most >> 3:
            return 0
        return STRIDE << (self._most // self._room).bit_length() - 1

    def add_text(self, server: str, place: str, text: str) -> None:
        """Remember a normalised text. One that is shorter than a piece is not remembered.

        Parameters:
            place: where it came from, for whoever is told; it is kept.
        """
        size = self.size
        if self.stride and size <= len(text) <= RUN:
            self._add(server, place, [fingerprint(f"={text}")])
        for begin in range(0, len(text) - size + 1, _CHUNK):
            if (stride := self.stride) == 0:
                return
            self.strides.add(stride)
            part = text[begin : begin + _CHUNK + size - 1]
            self._add(server, place, pieces(part, size, stride=stride))
            for first, last in codes(part, size):
                self._add(server, place, pieces(part, size, first, last))

    def add_number(self, server: str, place: str, number: str) -> None:
        """Remember a number as a whole."""
        if self.stride:
            self._add(server, place, [fingerprint(f"#{number}")])

    def is_whole(self, text: str, *, unless: str) -> bool:
        """Whether a text is all of one that was given, and not a part only."""
        return any(True for _ in self.hits([fingerprint(f"={text}")], unless=unless))

    def hits(self, prints: Sequence[int], *, unless: str) -> Iterator[tuple[int, str]]:
        """Give the index of each fingerprint that is known, and the place of what it is of.

        Parameters:
            unless: what this server gave as well does not count.
        """
        slots = self._slots
        if not slots:
            return
        for index, one in enumerate(prints):
            if slots[one & _SLOTS] and (place := self._place(one, unless)) is not None:
                yield index, place

    def settle(self) -> None:
        """Take as little memory as may be from now on."""
        for server in self._servers.values():
            server.settle()

    def _add(self, server: str, place: str, prints: list[int]) -> None:
        slots = self._slots
        if not slots:
            slots = self._slots = bytearray(_SLOTS + 1)
        for one in prints:
            slots[one & _SLOTS] = 1
        self._room -= len(prints)
        self._servers.setdefault(server, _OfServer()).add(prints, place)

    def _place(self, one: int, unless: str) -> str | None:
        found: str | None = None
        for server, known in self._servers.items():
            if (number := known.find(one)) is None:
                continue
            if server == unless:
                return None
            if found is None:
                found = next((place for place, at in known.places.items() if at == number), server)
        return found
