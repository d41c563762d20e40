"""When a server is stopped, asked whether it lives, and started again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, Protocol

import anyio

FIRST_PAUSE: Final = 1.0
"""Seconds before a server that failed is started again; twice as many each time."""
LONGEST_PAUSE: Final = 60.0
STEADY: Final = 60.0
"""A server that lived for so many seconds is no longer held to its earlier failures."""


class Clock(Protocol):
    """Time, as supervision sees it."""

    def now(self) -> float:
        """Return seconds since any fixed moment."""
        ...

    async def sleep_until(self, moment: float) -> None:
        """Return when ``now()`` has reached ``moment``."""
        ...


class LoopClock:
    """The clock of the event loop."""

    def now(self) -> float:
        return anyio.current_time()

    async def sleep_until(self, moment: float) -> None:
        await anyio.sleep_until(moment)


class Backoff:
    """Spaces the starts of a server that fails: exponentially, bounded, with jitter.

    The first death of a server that did start costs no pause: most happen once. A server that dies
    after each call is paused longer each time.

    Parameters:
        jitter: gives numbers from 0 to 1; a pause is between half and all of its length, so that
            servers that failed together do not all start together.
    """

    def __init__(self, clock: Clock, jitter: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._next: float | None = None

    @property
    def remaining(self) -> float:
        """Seconds until the next try; 0 when it can be now."""
        return 0.0 if self._next is None else max(self._next - self._clock.now(), 0.0)

    def failed_to_start(self) -> None:
        """Note that a start failed."""
        self._failures += 1
        self._pause(self._failures - 1)

    def died(self, lived: float) -> None:
        """Note that the server ended by itself, or was lost, after ``lived`` seconds."""
        self._failures = 1 if lived >= STEADY else self._failures + 1
        if self._failures > 1:
            self._pause(self._failures - 2)

    def forget(self) -> None:
        """Forget all failures: it was stopped on purpose, while all was well."""
        self._failures = 0
        self._next = None

    def _pause(self, doublings: int) -> None:
        length = min(FIRST_PAUSE * 2 ** min(doublings, 16), LONGEST_PAUSE)
        self._next = self._clock.now() + length * (0.5 + 0.5 * self._jitter())


class Use:
    """How a server is used: how many calls are in flight, and when the last one ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.calls = 0
        self.last = clock.now()

    def touch(self) -> None:
        """Note that somebody needed the server just now."""
        self.last = self._clock.now()

    def __enter__(self) -> None:
        self.calls += 1

    def __exit__(self, *_: object) -> None:
        self.calls -= 1
        self.touch()

    async def until_idle(self, seconds: float) -> None:
        """Return when nobody has needed the server for ``seconds``."""
        while True:
            last = self._clock.now() if self.calls else self.last
            await self._clock.sleep_until(last + seconds)
            if not self.calls and self._clock.now() >= self.last + seconds:
                return
