"""Tells whether something that is awaited really waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


class Noticing(Generic[T]):
    """Awaits ``work`` in the task that awaits this, and calls ``on_wait`` before it waits for the first time.

    Work that never waits costs no task of its own, and need not be known beforehand.
    """

    def __init__(self, work: Awaitable[T], on_wait: Callable[[], object]) -> None:
        self._work = work
        self._on_wait = on_wait
        self.waited = False

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._work.__await__()
        try:
            awaited = next(steps)
            self.waited = True
            self._on_wait()
            while True:
                try:
                    sent = yield awaited
                except BaseException as error:  # noqa: BLE001 - a cancellation is the work's to handle
                    awaited = steps.throw(error)
                else:
                    awaited = steps.send(sent)
        except StopIteration as end:
            return cast("T", end.value)
