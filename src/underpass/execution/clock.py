"""The time of one run, which stands while a person is asked."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel


class Clock:
    """Wall-clock seconds that a run has, wherever its program spends them.

    Parameters:
        seconds: how many there are once it is started.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._left = seconds
        self._since: float | None = None
        self._pauses = 0
        self._goes = anyio.Event()
        self._changed: Callable[[float | None], object] = lambda _left: None

    def start(self, changed: Callable[[float | None], object]) -> None:
        """Begin to count.

        Parameters:
            changed: called with None when the clock stands, and with the seconds left when it goes on.
        """
        self._changed = changed
        self._go()

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self._left if self._since is None else self._since + self._left - anyio.current_time()

    @property
    def deadline(self) -> float:
        """When time is over, as ``anyio.current_time`` counts; infinite while the clock stands."""
        return math.inf if self._since is None else self._since + self._left

    @asynccontextmanager
    async def paused(self) -> AsyncGenerator[None]:
        """Let the clock stand as long as one such context is open."""
        self._pauses += 1
        if self._since is not None:
            self._left, self._since = self.left, None
            self._goes = anyio.Event()
            self._changed(None)
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._go()
                self._changed(self._left)
        # What was begun by that comes before what this task does next.
        await anyio.lowlevel.checkpoint()

    async def over(self) -> None:
        """Wait until no time is left."""
        while (left := self.left) > 0:
            if self._since is None:
                await self._goes.wait()
            else:
                await anyio.sleep(left)

    def _go(self) -> None:
        self._since = anyio.current_time()
        self._goes.set()
