"""The default isolation: real CPython, forked from a warm zygote into the kernel's walls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup

from underpass.errors import Overloaded
from underpass.sandbox import user
from underpass.sandbox.control import Child, ZygoteProcess
from underpass.workspace.folders import AgentFolders


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What the kernel grants one sandbox."""

    memory_mb: int = 512
    """Address space beyond the interpreter's own, in MiB."""
    cpu_seconds: int = 30
    file_mb: int = 100
    """The largest file, in MiB."""
    tmp_mb: int = 64
    """The size of ``/tmp``, in MiB; it is memory."""
    open_files: int = 256
    max_frame: int = 64 * 1_048_576
    """The largest frame a guest may send, in bytes."""

    def to_settings(self) -> dict[str, Any]:
        """The limits in the zygote's terms."""
        return {
            "memory_mb": self.memory_mb,
            "cpu_seconds": self.cpu_seconds,
            "file_bytes": self.file_mb * 1_048_576,
            "tmp_bytes": self.tmp_mb * 1_048_576,
            "open_files": self.open_files,
        }


class ProcessSandbox:
    """A pool of waiting children of one zygote, which is replaced when it dies.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        limits: what one sandbox may use.
        idle: how many children wait for a lease.
        max_alive: how many may run at once; more callers wait.
        max_waiting: how many callers may wait before ``Overloaded``.
    """

    label = "process"

    def __init__(
        self,
        workspaces: Path,
        limits: ProcessLimits | None = None,
        *,
        idle: int = 4,
        max_alive: int = 1_024,
        max_waiting: int = 8_192,
    ) -> None:
        self._workspaces = workspaces
        self._limits = limits or ProcessLimits()
        self._idle = idle
        self._max_alive = max_alive
        self._max_waiting = max_waiting
        self._waiting = 0
        self._room = anyio.Event()
        self._owner = user.owner(workspaces)
        self._folders = AgentFolders(workspaces, owner=self._owner)

    async def __aenter__(self) -> Self:
        self._tasks: TaskGroup = anyio.create_task_group()
        await self._tasks.__aenter__()
        # Warming up costs a tenth of a second: it goes on while the caller does something else.
        self._zygote = self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._zygote.close()
        self._tasks.cancel_scope.cancel()
        # The body's own error goes on as it is, not inside a group.
        await self._tasks.__aexit__(None, None, None)

    async def lease(self, agent: str) -> Child:
        """Return a child in ``agent``'s workspace. Raises ``SandboxUnavailable`` and ``Overloaded``."""
        self._folders.ensure(agent)
        if self._zygote.failure is not None and self._zygote.was_ready:
            self._zygote = self._start()
        zygote = self._zygote
        while zygote.alive - len(zygote.idle) >= self._max_alive:
            await self._wait_for_room()
        child = await zygote.child()
        if len(zygote.idle) + zygote.asked <= self._idle // 2:
            zygote.fork(self._idle - len(zygote.idle) - zygote.asked)
        return child

    @property
    def has_control_group(self) -> bool:
        """Whether all sandboxes together are bounded by a control group."""
        return self._zygote.has_control_group

    def _start(self) -> ZygoteProcess:
        settings = {**self._limits.to_settings(), "workspaces": str(self._workspaces.resolve())}
        zygote = ZygoteProcess(
            settings, self._owner, max_frame=self._limits.max_frame, on_exit=self._make_room
        )
        zygote.fork(self._idle)
        self._tasks.start_soon(zygote.serve)
        return zygote

    async def _wait_for_room(self) -> None:
        if self._waiting >= self._max_waiting:
            raise Overloaded(
                f"{self._max_alive} sandboxes are at work and {self._waiting} runs wait for one",
                hint="try again in a second",
                retry_after=1.0,
            )
        self._waiting += 1
        try:
            await self._room.wait()
        finally:
            self._waiting -= 1

    def _make_room(self) -> None:
        self._room.set()
        self._room = anyio.Event()
