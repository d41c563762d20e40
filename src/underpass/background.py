"""Work that goes on beside everything else for as long as its owner is open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup


class TaskOwner:
    """An async context manager with tasks of its own, which end when it is left."""

    _tasks: TaskGroup

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tasks.cancel_scope.cancel()
        # The body's own error goes on as it is, not inside a group.
        await self._tasks.__aexit__(None, None, None)


class Background(TaskOwner, ABC):
    """One that has work to do from the beginning to the end.

    A subclass says what the work is, and what comes after its end.
    """

    @abstractmethod
    async def _work(self) -> None:
        """What goes on; it is cancelled in the end."""

    async def _finish(self) -> None:
        """What is left to do once the work has ended; by default nothing."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._tasks.start_soon(self._work)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            # Also where a signal has cancelled everything: what waits to be written must not be lost.
            with anyio.CancelScope(shield=True):
                await self._finish()
