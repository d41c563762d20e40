"""TypeScript: a pool of warm Deno processes, one run each, behind the same walls as Python."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import anyio
from anyio.abc import TaskGroup

from underpass.errors import Overloaded, SandboxUnavailable
from underpass.sandbox import deno_binary, deno_guest, user
from underpass.sandbox.deno_control import DenoProcess, DenoZygote, wait_until_ready
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.process import ProcessLimits
from underpass.workspace.folders import AgentFolders

_GUEST: Final = "/guest"
_MODULES: Final = "/modules"
_AGENT: Final = "/agent"
_WORKSPACE: Final = "/agent/workspace"


class DenoSandbox:
    """Keeps a few warm processes ready, from the first lease on.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        modules: the folder of generated modules; programs read in it.
        limits: what one sandbox may use.
        idle: how many processes wait for a lease; each takes some 10 MB.
        max_alive: how many may run at once; more callers wait.
        max_waiting: how many callers may wait before ``Overloaded``.
    """

    label = "deno"

    def __init__(
        self,
        workspaces: Path,
        modules: Path,
        limits: ProcessLimits | None = None,
        *,
        idle: int = 4,
        max_alive: int = 256,
        max_waiting: int = 8_192,
    ) -> None:
        self._workspaces = workspaces
        self._modules = modules
        self._limits = limits or ProcessLimits()
        self._idle = idle
        self._max_alive = max_alive
        self._max_waiting = max_waiting
        # Starting is work for a processor: more at once would only take longer each.
        self._max_starting = 2 * (os.cpu_count() or 1)
        self._starting = 0
        self._zygote: DenoZygote | None = None
        self._failure: SandboxUnavailable | None = None
        self._owner = user.owner(workspaces)
        self._folders = AgentFolders(workspaces, owner=self._owner)
        self._waiting = 0
        self._offer, self._ready = anyio.create_memory_object_stream[DenoProcess | SandboxUnavailable](
            float("inf")
        )

    async def __aenter__(self) -> Self:
        self._tasks: TaskGroup = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tasks.cancel_scope.cancel()
        if self._zygote is not None:
            await self._zygote.close()
        # The body's own error goes on as it is, not inside a group.
        await self._tasks.__aexit__(None, None, None)
        with suppress(anyio.WouldBlock):
            while True:
                if isinstance(waiting := self._ready.receive_nowait(), DenoProcess):
                    waiting.release()
        self._offer.close()
        self._ready.close()

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> DenoProcess:
        """Return a warm process in ``agent``'s workspace.

        Raises:
            SandboxUnavailable: Deno is not installed, or the isolation cannot be had.
            Overloaded: too many callers wait already.
            ValidationFailed: ``agent`` is no name, or there is an ``environment``: those are Python's.
        """
        deno_binary.refuse(environment)
        self._folders.ensure(agent)
        if self._waiting >= self._max_waiting:
            raise Overloaded(
                f"{self._max_alive} sandboxes are at work and {self._waiting} runs wait for one",
                hint="try again in a second",
                retry_after=1.0,
            )
        self._waiting += 1
        try:
            process = await self._next(agent)
        finally:
            self._waiting -= 1
        self._fill()
        return process

    @property
    def modules_address(self) -> str:
        """Where programs see the folder of generated modules."""
        return f"file://{_MODULES}"

    def workspace_address(self, agent: str) -> str:  # noqa: ARG002 - each sees its own at the same place
        """Where programs see the agent's workspace."""
        return f"file://{_WORKSPACE}"

    @property
    def has_control_group(self) -> bool:
        """Whether all sandboxes together are bounded by a control group."""
        return self._zygote is not None and self._zygote.has_control_group

    async def _next(self, agent: str) -> DenoProcess:
        while True:
            self._fill()
            process = await self._ready.receive()
            if isinstance(process, SandboxUnavailable):
                raise process
            try:
                # One that was killed while it waited, for its memory or by someone, is no use.
                if process.is_alive and await process.attach(agent):
                    return process
            except BaseException:
                process.release()
                raise
            process.release()

    def _fill(self) -> None:
        """Start processes until those who wait, and the next few, are served."""
        if self._tasks.cancel_scope.cancel_called:
            return
        zygote = self._alive_zygote()
        ready = self._offer.statistics().current_buffer_used
        wanted = self._idle + self._waiting - ready - self._starting
        room = self._max_alive - len(zygote.processes)
        for _ in range(min(wanted, room, self._max_starting - self._starting)):
            self._starting += 1
            self._tasks.start_soon(self._start, zygote)

    async def _start(self, zygote: DenoZygote) -> None:
        try:
            process = await zygote.fork()
            try:
                await wait_until_ready(process)
            except BaseException:
                process.release()
                raise
            self._offer.send_nowait(process)
        except SandboxUnavailable as failure:
            # A zygote that was well and has died has a successor; nobody need hear of it.
            if zygote.failure is None or not zygote.was_ready:
                for _ in range(self._ready.statistics().tasks_waiting_receive):
                    self._offer.send_nowait(failure)
                return
        finally:
            self._starting -= 1
        if self._waiting:
            self._fill()

    def _alive_zygote(self) -> DenoZygote:
        if self._zygote is None or (self._zygote.failure is not None):
            self._zygote = self._begin()
        return self._zygote

    def _begin(self) -> DenoZygote:
        self._modules.mkdir(parents=True, exist_ok=True)
        writable = (_AGENT,)
        binary = deno_binary.find()
        guest = deno_guest.compiled(self._modules.parent, binary).resolve()
        settings: dict[str, Any] = {
            **self._limits.to_settings(),
            "binary": str(binary),
            "guest": str(guest),
            "modules": str(self._modules.resolve()),
            "workspaces": str(self._workspaces.resolve()),
            "arguments": deno_binary.arguments(
                guest=_GUEST,
                main=deno_guest.main(guest),
                workspace=_WORKSPACE,
                readable=(_MODULES,),
                writable=writable,
                memory_mb=self._limits.memory_mb,
            ),
            "environment": deno_binary.environment(_WORKSPACE, f"{_AGENT}/tmp/.deno"),
        }
        zygote = DenoZygote(settings, self._owner, max_frame=self._limits.max_frame, on_exit=self._make_room)
        self._tasks.start_soon(zygote.serve)
        return zygote

    def _make_room(self) -> None:
        if self._waiting:
            self._fill()
