"""The default isolation: real CPython, forked from a warm zygote into the kernel's walls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup

from underpass.errors import Overloaded
from underpass.sandbox import user
from underpass.sandbox.control import Child, ZygoteProcess
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.line import Line
from underpass.sandbox.modules import SharedModules
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
    """Pools of waiting children: one zygote for each environment, replaced when it dies or is worn.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        limits: what one sandbox may use.
        idle: how many children wait for a lease, in each environment.
        max_alive: how many may run at once; more callers wait.
        max_waiting: how many callers may wait before ``Overloaded``.
        recycle_after: children that a zygote forks before another takes its place. All children of a
            zygote share its address layout and hash seed, so none should live for ever.
        recycle_age: seconds after which another takes its place, however few it forked.
        retire_after: seconds without a lease after which an environment's zygote ends.
        walls: "any" takes the strongest that can be had, "full" refuses to do without namespaces.
        modules: generated modules that are loaded before a program is there.
    """

    def __init__(
        self,
        workspaces: Path,
        limits: ProcessLimits | None = None,
        *,
        idle: int = 4,
        max_alive: int = 1_024,
        max_waiting: int = 8_192,
        recycle_after: int = 10_000,
        recycle_age: float = 3_600.0,
        retire_after: float = 600.0,
        walls: str = "any",
        modules: SharedModules | None = None,
    ) -> None:
        self.label = "process"
        """``process``, and ``process-landlock`` once a sandbox was leased that has no namespaces."""
        self.refused: str | None = None
        """Why there are no namespaces; empty where there are, None before the first lease."""
        self._walls = walls
        self._modules = modules or SharedModules()
        self._workspaces = workspaces
        self._limits = limits or ProcessLimits()
        self._idle = idle
        self._max_alive = max_alive
        self._max_waiting = max_waiting
        self._recycle_after = recycle_after
        self._recycle_age = recycle_age
        self._retire_after = retire_after
        self._callers: Line[None] = Line()
        """Who waits for room."""
        self._owner = user.owner(workspaces)
        self._folders = AgentFolders(workspaces, owner=self._owner)
        self._zygotes: dict[SandboxEnvironment | None, ZygoteProcess] = {}
        self._started: list[ZygoteProcess] = []
        """Every zygote that has not ended, those that are being replaced included."""

    async def __aenter__(self) -> Self:
        self._tasks: TaskGroup = anyio.create_task_group()
        await self._tasks.__aenter__()
        # Warming up costs a tenth of a second: it goes on while the caller does something else.
        self._zygotes[None] = self._start(None)
        self._tasks.start_soon(self._retire)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for zygote in list(self._started):
            await zygote.close()
        self._tasks.cancel_scope.cancel()
        # The body's own error goes on as it is, not inside a group.
        await self._tasks.__aexit__(None, None, None)

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> Child:
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
            while (child := await zygote.child()) is None:
                zygote = self._zygote(environment)
        except BaseException:
            self._make_room()
            raise
        if self.refused != zygote.refused:
            self.refused = zygote.refused
            self.label = "process-landlock" if zygote.refused else "process"
        # Forks that can wait come after the run, which they would slow down.
        if len(zygote.idle) + zygote.asked <= 1 or zygote.waited_for:
            zygote.replenish()
        return child

    @property
    def environments(self) -> tuple[SandboxEnvironment | None, ...]:
        """The environments that have a zygote now; None is the one without packages."""
        return tuple(self._zygotes)

    @property
    def has_control_group(self) -> bool:
        """Whether all sandboxes together are bounded by a control group."""
        return all(zygote.has_control_group for zygote in self._started)

    def _alive(self) -> int:
        return sum(zygote.at_work for zygote in self._started)

    def _zygote(self, environment: SandboxEnvironment | None) -> ZygoteProcess:
        """The zygote to fork from now; a worn one goes on until its successor is ready."""
        zygote = self._zygotes.get(environment)
        if zygote is None or (zygote.failure is not None and zygote.was_ready):
            zygote = self._zygotes[environment] = self._start(environment)
        elif zygote.forked >= self._recycle_after or zygote.age > self._recycle_age:
            if zygote.successor is None:
                zygote.successor = self._start(environment)
            elif zygote.successor.was_ready or zygote.successor.failure is not None:
                zygote.retire()
                zygote = self._zygotes[environment] = zygote.successor
        zygote.leased_at = time.monotonic()
        return zygote

    def _start(self, environment: SandboxEnvironment | None) -> ZygoteProcess:
        settings: dict[str, Any] = {
            **self._limits.to_settings(),
            "workspaces": str(self._workspaces.resolve()),
            "packages": None if environment is None else str(environment.packages.resolve()),
            "preload": () if environment is None else environment.preload,
            # Where there were namespaces once, failing to make more is no reason to do without.
            "walls": "full" if self.refused == "" else self._walls,
            "tmp": gettempdir(),
            "modules": self._modules.to_settings(),
        }
        zygote = ZygoteProcess(
            settings,
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

    async def _retire(self) -> None:
        """End the zygotes of environments that nobody has used for a while."""
        while True:
            await anyio.sleep(self._retire_after / 4)
            now = time.monotonic()
            for environment, zygote in list(self._zygotes.items()):
                unused = now - zygote.leased_at > self._retire_after and not zygote.waited_for
                if environment is not None and unused:
                    del self._zygotes[environment]
                    zygote.retire()

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
