"""One instrument: a counter, a gauge or a histogram, and what it has counted by its labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The buckets of durations: a run takes some milliseconds, and its limit is often half a minute."""

Labels = tuple[str, ...]


class Distribution(NamedTuple):
    """What a histogram has seen."""

    counts: tuple[int, ...]
    """By bucket, each without those below it; the last is of what is beyond all bounds."""
    sum: float


@dataclass(slots=True)
class Instrument:
    """An instrument. What is counted in it is for one thread at a time.

    Parameters:
        name: in base units, without ``_total``.
        kind: what it is.
        text: what it counts, for people; ends without a full stop.
        labels: the names of its labels.
        unit: ``seconds``, ``bytes`` or nothing; the name has it as well.
        bounds: of a histogram's buckets.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: Labels = ()
    unit: str = ""
    bounds: tuple[float, ...] = SECONDS
    values: dict[Labels, float] = field(default_factory=dict[Labels, float])
    seen: dict[Labels, list[int]] = field(default_factory=dict[Labels, list[int]])
    """Of a histogram: the counts by bucket; ``values`` has the sums."""

    @property
    def exposed(self) -> str:
        """Its name as Prometheus has it; a histogram's without the endings of its series."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def add(self, amount: float, *labels: str) -> None:
        """Count so much more."""
        self.values[labels] = self.values.get(labels, 0.0) + amount

    def put(self, values: Mapping[Labels, float]) -> None:
        """Replace what a gauge shows."""
        self.values = dict(values)

    def observe(self, value: float, *labels: str) -> None:
        """Count one value of a histogram."""
        counts = self.seen.get(labels)
        if counts is None:
            counts = self.seen[labels] = [0] * (len(self.bounds) + 1)
        counts[bisect_left(self.bounds, value)] += 1
        self.values[labels] = self.values.get(labels, 0.0) + value

    def distributions(self) -> Iterator[tuple[Labels, Distribution]]:
        """Yield what a histogram has seen, by its labels."""
        for labels, counts in list(self.seen.items()):
            yield labels, Distribution(tuple(counts), self.values[labels])


class Names:
    """Bounds how many values a label has: those that come when it is full are ``other``.

    So is what is no text to be shown: half a character, a line break.
    """

    OTHER: Final = "other"

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        """Return the name, or ``other``."""
        if name in self._known:
            return name
        if len(self._known) >= self._most or len(name) > 128 or not name.isprintable():
            return self.OTHER
        self._known.add(name)
        return name
