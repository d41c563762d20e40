"""Lets one of several who want the same do the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Flight(Generic[T]):
    """One piece of work that is under way."""

    __slots__ = ("_landed", "alone", "begun", "result")

    def __init__(self, begun: float = 0) -> None:
        self.begun = begun
        self.result: T | None = None
        self.alone = False
        """Whether whoever waits has to do it as well."""
        self._landed: anyio.Event | None = None

    async def landed(self) -> None:
        """Wait for the end of the work, or until it is known to be for one alone."""
        if self._landed is None:
            self._landed = anyio.Event()
        await self._landed.wait()

    def leave(self) -> None:
        """Let those who wait do the work themselves."""
        self.alone = True
        self.land()

    def land(self) -> None:
        """Wake those who wait."""
        if self._landed is not None:
            self._landed.set()


class Flights(Generic[T]):
    """The work that is under way, by what it is for."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight[T]] = {}

    def begin(self, key: Hashable, now: float) -> Flight[T] | None:
        """Begin work that nobody does yet; whoever gets it calls ``end``. None where someone does."""
        if key in self._flights:
            return None
        flight = self._flights[key] = Flight[T](now)
        return flight

    def end(self, key: Hashable, flight: Flight[T]) -> None:
        """Tell those who wait that the work is over."""
        del self._flights[key]
        flight.land()

    async def share(
        self,
        key: Hashable,
        work: Callable[[Flight[T]], Awaitable[T]],
        is_for_all: Callable[[T], bool],
        *,
        now: float,
        good_for: float,
    ) -> tuple[T, bool]:
        """Return what the work gives, and whether another did it.

        Where it fails, or its result is for one alone, everyone else does it for himself; an error is
        nobody else's. Where it is given up, one of those who wait begins anew.

        Parameters:
            work: given its flight, which it may leave as soon as it knows that it is for one alone.
            is_for_all: whether others may have a result.
            now: seconds, as the cache counts them.
            good_for: seconds for which a result is good, from the beginning of the work.
        """
        while (
            (flight := self._flights.get(key)) is not None
            and not flight.alone
            and now < flight.begun + good_for
        ):
            await flight.landed()
            if flight.result is not None:
                return flight.result, True
            if flight.alone:
                return await work(Flight()), False
        if (flight := self.begin(key, now)) is None:
            return await work(Flight()), False
        try:
            result = await work(flight)
            if not flight.alone and is_for_all(result):
                flight.result = result
            else:
                flight.alone = True
        except Exception:
            flight.alone = True
            raise
        else:
            return result, False
        finally:
            self.end(key, flight)
