"""How many requests each token may make."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MOST: Final = 10_000
"""Tokens that are remembered; whoever is forgotten begins with a full bucket."""


class Rates:
    """A bucket for each token, which fills at a rate, and from which each request takes one.

    Parameters:
        per_second: requests; 0 is no limit.
        burst: how many at once, after a pause.
    """

    def __init__(self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What is in each, and when that was so."""

    def take(self, token: str) -> float:
        """Take one; returns 0, or the seconds after which there is one where there is none now."""
        if not self._rate:
            return 0.0
        now = self._clock()
        left, at = self._buckets.pop(token, (float(self._burst), now))
        left = min(left + (now - at) * self._rate, float(self._burst))
        enough = left >= 1
        self._buckets[token] = (left - 1 if enough else left, now)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (1 - left) / self._rate
