"""Work that goes on beside everything else for as long as its owner is open."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup


class Background:
    """An async context manager with one task of its own; leaving it ends the task.

    A subclass says what the task does, and what comes after its end.
    """

    _tasks: TaskGroup

    async def _work(self) -> None:
        """What goes on; it is cancelled in the end."""
        raise NotImplementedError

    async def _finish(self) -> None:
        """What is left to do once the task has ended; by default nothing."""

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._work)
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
        await self._finish()
