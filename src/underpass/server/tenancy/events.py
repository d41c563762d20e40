"""What happens in one run, for whoever listens."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final, Literal

import anyio
import orjson

Kind = Literal["started", "progress", "call", "question", "ended", "gap", "part"]
_KEPT: Final = 1_000
"""Events of a run that are kept for those who come late; a slow listener misses older ones."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    number: int
    """From 1."""
    kind: Kind
    data: bytes
    """A JSON object."""


class RunEvents:
    """The newest events of a run. Listeners have no buffers: each knows how far it has read."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._count = 0
        self._more: anyio.Event | None = None
        """There where somebody waits: most runs have no listener."""
        self._closed = False

    @property
    def count(self) -> int:
        """How many there have been."""
        return self._count

    def add(self, kind: Kind, data: dict[str, Any] | bytes) -> None:
        """Tell everybody."""
        self._count += 1
        content = data if isinstance(data, bytes) else orjson.dumps(data, default=str)
        self._events.append(Event(self._count, kind, content))
        self._wake()

    def close(self) -> None:
        """Nothing more will happen."""
        self._closed = True
        self._wake()

    async def since(self, number: int) -> AsyncGenerator[Event]:
        """Yield the events after one, until the run has ended; ``gap`` stands for those that are gone."""
        while True:
            waiting = [event for event in self._events if event.number > number]
            if waiting and waiting[0].number > number + 1:
                lost = waiting[0].number - number - 1
                yield Event(waiting[0].number - 1, "gap", orjson.dumps({"events": lost}))
            for event in waiting:
                number = event.number
                yield event
            if self._count > number:
                continue  # more has come while it was sent
            if self._closed:
                return
            if self._more is None:
                self._more = anyio.Event()
            await self._more.wait()

    def _wake(self) -> None:
        if self._more is not None:
            self._more.set()
            self._more = None
