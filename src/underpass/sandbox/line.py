"""Callers that wait in line, and are called one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Line(Generic[T]):
    """Whoever came first is told first. Waking all for what one can have costs as much as it does work."""

    def __init__(self) -> None:
        self._places: deque[_Place[T]] = deque()

    def __len__(self) -> int:
        return len(self._places)

    async def wait(self, *, unwanted: Callable[[T], object]) -> T:
        """Wait to be told something.

        Parameters:
            unwanted: called with what we were told, if we are cancelled before we can take it.
        """
        place = _Place[T]()
        self._places.append(place)
        try:
            await place.called.wait()
        except BaseException:
            if place.told:
                unwanted(place.told[0])
            else:
                self._places.remove(place)
            raise
        return place.told[0]

    def tell(self, what: T) -> bool:
        """Tell the first in line; returns whether there was one."""
        if not self._places:
            return False
        place = self._places.popleft()
        place.told.append(what)
        place.called.set()
        return True

    def tell_all(self, what: T) -> None:
        """Tell everyone who waits now."""
        for _ in range(len(self._places)):
            self.tell(what)


class _Place(Generic[T]):
    """Where one caller stands."""

    def __init__(self) -> None:
        self.called = anyio.Event()
        self.told: list[T] = []
