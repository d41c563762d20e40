"""For each term the tools that hold it, those it says most of first."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from math import log
from operator import itemgetter

_NONE: Mapping[int, int] = {}


class Postings:
    """Term → number of a tool → impact. What comes from a file is unpacked when it is first looked up."""

    def __init__(self, packed: dict[str, tuple[memoryview, memoryview]] | None = None) -> None:
        self._packed = packed or {}
        self._open: dict[str, dict[int, int]] = {}
        self._ordered: set[str] = set()
        self._rarities: dict[str, float] = {}

    def add(self, number: int, impacts: Mapping[str, int]) -> None:
        """Enter a tool under each of its terms."""
        known = self._open
        for term, impact in impacts.items():
            if (posting := known.get(term)) is None:
                posting = known[term] = self._unpacked(term)
            posting[number] = impact
        if self._ordered:
            self._ordered.difference_update(impacts)
        self._rarities = {}

    def remove(self, number: int, terms: Iterable[str]) -> None:
        """Take a tool out of the postings of these terms."""
        for term in terms:
            if (posting := self._open.get(term)) is None:
                posting = self._open[term] = self._unpacked(term)
            posting.pop(number, None)
        self._rarities = {}

    def of(self, term: str) -> Mapping[int, int]:
        """The tools that hold ``term`` with their impacts, the greatest first."""
        if term in self._ordered:
            return self._open[term]
        posting = self._open.get(term)
        if posting is None:
            if term not in self._packed:
                return _NONE
            posting = self._unpacked(term)
        # Equal impacts stay in the tools' order.
        posting = dict(sorted(sorted(posting.items()), key=itemgetter(1), reverse=True))
        self._open[term] = posting
        self._ordered.add(term)
        return posting

    def rarity(self, term: str, tools: int) -> float:
        """BM25's inverse document frequency of ``term`` among so many tools."""
        known = self._rarities.get(term)
        if known is None:
            if (posting := self._open.get(term)) is not None:
                holding = len(posting)
            else:
                holding = len(self._packed[term][1]) if term in self._packed else 0
            known = self._rarities[term] = log(1 + (tools - holding + 0.5) / (holding + 0.5))
        return known

    def packed(self, places: Mapping[int, int]) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield each term with its tools, four bytes each, and their impacts, a byte each.

        Parameters:
            places: the numbers that the tools have from now on.
        """
        for term in sorted(self._packed.keys() | self._open.keys()):
            if posting := self.of(term):
                numbers = array("I", map(places.__getitem__, posting))
                yield term, numbers.tobytes(), bytes(posting.values())

    def _unpacked(self, term: str) -> dict[int, int]:
        tools, impacts = self._packed.pop(term, (b"", b""))
        return dict(zip(tools, impacts, strict=True))
