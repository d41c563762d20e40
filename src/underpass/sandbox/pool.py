"""What every pool of forked sandboxes is: zygotes, leases, and a bound on how many are at work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from underpass.background import TaskOwner
from underpass.errors import Overloaded
from underpass.sandbox import user
from underpass.sandbox.child_process import ChildProcess
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.line import Line
from underpass.sandbox.zygote_process import ZygoteProcess
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


class PoolState(NamedTuple):
    """How many sandboxes there are."""

    idle: int
    """Ready for a run."""
    busy: int
    """At work, or being started for somebody who waits."""
    waiting: int
    """Callers for whom there is no room yet."""
    most: int
    """That may be at work at once."""


class Pool(TaskOwner):
    """Waiting children: one zygote for each environment, replaced when it dies.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        limits: what one sandbox may use.
        idle: how many children wait for a lease, in each environment.
        max_alive: how many may run at once; more callers wait.
        max_waiting: how many callers may wait before ``Overloaded``.
    """

    zygote: type[ZygoteProcess] = ZygoteProcess

    def __init__(
        self,
        workspaces: Path,
        limits: ProcessLimits | None,
        *,
        idle: int,
        max_alive: int,
        max_waiting: int,
    ) -> None:
        self._workspaces = workspaces
        self._limits = limits or ProcessLimits()
        self._idle = idle
        self._max_alive = max_alive
        self._max_waiting = max_waiting
        self._callers: Line[None] = Line()
        """Who waits for room."""
        self._owner = user.owner(workspaces)
        self._folders = AgentFolders(workspaces, owner=self._owner)
        self._zygotes: dict[SandboxEnvironment | None, ZygoteProcess] = {}
        self._started: list[ZygoteProcess] = []
        """Every zygote that has not ended, those that are being replaced included."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for zygote in list(self._started):
            await zygote.close()
        await super().__aexit__(kind, error, trace)

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> ChildProcess:
        """Return a child in ``agent``'s workspace.

        Raises:
            SandboxUnavailable: the isolation cannot be had, or the environment cannot be loaded.
            Overloaded: too many callers wait already.
            ValidationFailed: ``agent`` is no name.
        """
        self._folders.ensure(agent)
        while self._alive() >= self._max_alive:
            await self._wait_for_room()
        zygote = self._zygote(environment)
        try:
            while (child := await zygote.child(agent)) is None:
                zygote = self._zygote(environment)
        except BaseException:
            self._make_room()
            raise
        # The guest goes behind its walls while the host does what a run needs before its program.
        await child.announce(agent)
        # Forks that can wait come after the run, which they would slow down.
        if len(zygote.idle) + zygote.asked <= 1 or zygote.waited_for:
            zygote.replenish()
        return child

    @property
    def state(self) -> PoolState:
        """How many sandboxes there are now."""
        idle = sum(len(zygote.idle) for zygote in self._started)
        return PoolState(idle, self._alive(), len(self._callers), self._max_alive)

    @property
    def has_control_group(self) -> bool:
        """Whether all sandboxes together are bounded by a control group."""
        return all(zygote.has_control_group for zygote in self._started)

    def _settings(self, environment: SandboxEnvironment | None) -> dict[str, Any]:
        """What a zygote is told besides the limits and the workspaces."""
        raise NotImplementedError

    def _alive(self) -> int:
        return sum(zygote.at_work for zygote in self._started)

    def _zygote(self, environment: SandboxEnvironment | None) -> ZygoteProcess:
        """The zygote to fork from now."""
        zygote = self._zygotes.get(environment)
        if zygote is None or (zygote.failure is not None and zygote.was_ready):
            zygote = self._zygotes[environment] = self._start(environment)
        zygote.leased_at = time.monotonic()
        return zygote

    def _start(self, environment: SandboxEnvironment | None) -> ZygoteProcess:
        settings = self._limits.to_settings() | {"workspaces": str(self._workspaces.resolve())}
        zygote = self.zygote(
            settings | self._settings(environment),
            self._owner,
            idle=self._idle,
            max_frame=self._limits.max_frame,
            on_exit=self._make_room,
        )
        zygote.replenish()
        self._started.append(zygote)
        self._tasks.start_soon(self._serve, zygote)
        return zygote

    async def _serve(self, zygote: ZygoteProcess) -> None:
        try:
            await zygote.serve()
        finally:
            self._started.remove(zygote)
            self._make_room()

    async def _wait_for_room(self) -> None:
        if len(self._callers) >= self._max_waiting:
            raise Overloaded(
                f"{self._max_alive} sandboxes are at work and {len(self._callers)} runs wait for one",
                hint="try again in a second",
                retry_after=1.0,
            )
        await self._callers.wait(unwanted=self._callers.tell)

    def _make_room(self) -> None:
        """Call as many as there is room for; one who finds it taken waits again."""
        if self._callers:
            for _ in range(self._max_alive - self._alive()):
                self._callers.tell(None)
