"""The default isolation: real CPython, forked from a warm zygote into the kernel's walls."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Self

import anyio

from underpass.sandbox.child_process import ChildProcess
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.modules import SharedModules
from underpass.sandbox.pool import Pool, ProcessLimits
from underpass.sandbox.zygote_process import ZygoteProcess

__all__ = ["ProcessLimits", "ProcessSandbox"]


class ProcessSandbox(Pool):
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
        super().__init__(workspaces, limits, idle=idle, max_alive=max_alive, max_waiting=max_waiting)
        self.label = "process"
        """``process``, and ``process-landlock`` once a sandbox was leased that has no namespaces."""
        self.refused: str | None = None
        """Why there are no namespaces; empty where there are, None before the first lease."""
        self._walls = walls
        self._modules = modules or SharedModules()
        self._recycle_after = recycle_after
        self._recycle_age = recycle_age
        self._retire_after = retire_after

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        # Warming up costs a tenth of a second: it goes on while the caller does something else.
        self._zygotes[None] = self._start(None)
        self._tasks.start_soon(self._retire)
        return self

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> ChildProcess:
        """Return a child in ``agent``'s workspace. Raises what ``Pool.lease`` raises."""
        child = await super().lease(agent, environment)
        if self.refused != child.zygote.refused:
            self.refused = child.zygote.refused
            self.label = "process-landlock" if self.refused else "process"
        return child

    @property
    def environments(self) -> tuple[SandboxEnvironment | None, ...]:
        """The environments that have a zygote now; None is the one without packages."""
        return tuple(self._zygotes)

    def _settings(self, environment: SandboxEnvironment | None) -> dict[str, Any]:
        return {
            "packages": None if environment is None else str(environment.packages.resolve()),
            "preload": () if environment is None else environment.preload,
            # Where there were namespaces once, failing to make more is no reason to do without.
            "walls": "full" if self.refused == "" else self._walls,
            "tmp": gettempdir(),
            "modules": self._modules.to_settings(),
        }

    def _zygote(self, environment: SandboxEnvironment | None) -> ZygoteProcess:
        """The zygote to fork from now; a worn one goes on until its successor is ready."""
        zygote = super()._zygote(environment)
        if zygote.forked >= self._recycle_after or zygote.age > self._recycle_age:
            if zygote.successor is None:
                zygote.successor = self._start(environment)
            elif zygote.successor.was_ready or zygote.successor.failure is not None:
                zygote.retire()
                zygote = self._zygotes[environment] = zygote.successor
                zygote.leased_at = time.monotonic()
        return zygote

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
