"""For each term the tools that hold it, those it says most of first."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from operator import itemgetter

_NONE: Mapping[int, int] = {}


@dataclass(frozen=True, slots=True)
class Packed:
    """Postings in two blocks, one after the other; each is in order.

    Few objects for many terms: the interpreter's search for garbage would else take longer than reading.
    """

    places: dict[str, int]
    """Term → which posting is its own."""
    ends: Sequence[int]
    """Where each posting begins, and the last ends."""
    tools: memoryview
    impacts: memoryview

    def size(self, term: str) -> int:
        """How many tools hold ``term``."""
        place = self.places.get(term)
        return 0 if place is None else self.ends[place + 1] - self.ends[place]

    def take(self, term: str) -> dict[int, int]:
        """Return the posting of ``term``, once."""
        place = self.places.pop(term, None)
        if place is None:
            return {}
        part = slice(self.ends[place], self.ends[place + 1])
        return dict(zip(self.tools[part], self.impacts[part], strict=True))


class Postings:
    """Term → number of a tool → impact. What comes from a file is unpacked when it is first looked up."""

    def __init__(self, packed: Packed | None = None) -> None:
        self._packed = packed or Packed({}, (0,), memoryview(b""), memoryview(b""))
        self._open: dict[str, dict[int, int]] = {}
        self._ordered: set[str] = set()
        self._rarities: dict[str, float] = {}

    def add(self, number: int, impacts: Mapping[str, int]) -> None:
        """Enter a tool under each of its terms."""
        known = self._open
        for term, impact in impacts.items():
            if (posting := known.get(term)) is None:
                posting = known[term] = self._packed.take(term)
            posting[number] = impact
        if self._ordered:
            self._ordered.difference_update(impacts)
        self._rarities = {}

    def remove(self, number: int, terms: Iterable[str]) -> None:
        """Take a tool out of the postings of these terms."""
        for term in terms:
            if (posting := self._open.get(term)) is None:
                posting = self._open[term] = self._packed.take(term)
            posting.pop(number, None)
        self._rarities = {}

    def of(self, term: str) -> Mapping[int, int]:
        """The tools that hold ``term`` with their impacts, the greatest first."""
        if term in self._ordered:
            return self._open[term]
        posting = self._open.get(term)
        if posting is None:
            if term not in self._packed.places:
                return _NONE
            posting = self._packed.take(term)  # in order
        else:
            posting = dict(sorted(posting.items(), key=itemgetter(1), reverse=True))
        self._open[term] = posting
        self._ordered.add(term)
        return posting

    def rarity(self, term: str, tools: int) -> float:
        """BM25's inverse document frequency of ``term`` among so many tools."""
        known = self._rarities.get(term)
        if known is None:
            posting = self._open.get(term)
            holding = self._packed.size(term) if posting is None else len(posting)
            known = self._rarities[term] = log(1 + (tools - holding + 0.5) / (holding + 0.5))
        return known

    def packed(self, places: Mapping[int, int]) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield each term with its tools, four bytes each, and their impacts, a byte each.

        Parameters:
            places: the numbers that the tools have from now on.
        """
        for term in sorted(self._packed.places.keys() | self._open.keys()):
            if posting := self.of(term):
                numbers = array("I", map(places.__getitem__, posting))
                yield term, numbers.tobytes(), bytes(posting.values())
