"""How often to do what costs time."""

from __future__ import annotations

import time
from collections.abc import Callable

MANY_FILES = 2_000
"""A folder of no more files is looked at each time: it takes a few milliseconds."""
_SHARE = 20


class Pace:
    """Says when to do something again, so that it takes one part in twenty of the time at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._again = float("-inf")

    def due(self) -> bool:
        """Whether it is time."""
        return self._clock() >= self._again

    def now(self) -> float:
        """The clock, in seconds."""
        return self._clock()

    def done(self, began: float) -> None:
        """Note that it was done, beginning at ``began``."""
        now = self._clock()
        self._again = now + _SHARE * (now - began)
