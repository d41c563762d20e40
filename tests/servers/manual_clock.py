"""A clock that goes only when a test says so."""

from __future__ import annotations

import anyio
import anyio.lowlevel


class ManualClock:
    """Gives the time to supervision, and wakes what sleeps until then."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleeping: list[tuple[float, anyio.Event]] = []

    def now(self) -> float:
        return self._now

    async def sleep_until(self, moment: float) -> None:
        if moment <= self._now:
            await anyio.lowlevel.checkpoint()
            return
        self._sleeping.append(entry := (moment, anyio.Event()))
        try:
            await entry[1].wait()
        finally:
            self._sleeping.remove(entry)

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, and whoever it wakes act on it."""
        await anyio.wait_all_tasks_blocked()
        self._now += seconds
        for due, event in self._sleeping:
            if due <= self._now:
                event.set()
        await anyio.wait_all_tasks_blocked()

    @property
    def sleeping(self) -> int:
        """How many tasks wait for a moment."""
        return len(self._sleeping)
