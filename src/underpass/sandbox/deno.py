"""TypeScript: a pool of warm Deno processes, one run each, behind the same walls as Python."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from underpass.sandbox import deno_binary, deno_guest
from underpass.sandbox.child_process import ChildProcess
from underpass.sandbox.deno_zygote_process import DenoZygoteProcess
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.pool import Pool, ProcessLimits

_GUEST: Final = "/guest"
_MODULES: Final = "/modules"
_AGENT: Final = "/agent"
_WORKSPACE: Final = "/agent/workspace"
_A_DAY: Final = 86_400


class DenoSandbox(Pool):
    """Keeps a few warm processes ready, from the first lease on.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        modules: the folder of generated modules; programs read in it.
        limits: what one sandbox may use.
        idle: how many processes wait for a lease; each takes some 5 to 10 MB.
        max_alive: how many may run at once; more callers wait.
        max_waiting: how many callers may wait before ``Overloaded``.
        recycle_after: processes that are forked from a warm one before another takes its place. They share
            its address layout and hash seed, so none should live for ever.
        recycle_age: seconds after which another takes its place, however few were forked.
    """

    label = "deno"
    zygote = DenoZygoteProcess

    def __init__(
        self,
        workspaces: Path,
        modules: Path,
        limits: ProcessLimits | None = None,
        *,
        idle: int = 4,
        max_alive: int = 256,
        max_waiting: int = 8_192,
        recycle_after: int = 10_000,
        recycle_age: float = 3_600.0,
    ) -> None:
        super().__init__(workspaces, limits, idle=idle, max_alive=max_alive, max_waiting=max_waiting)
        self._modules = modules
        self._recycling = {"recycle_after": recycle_after, "recycle_age": recycle_age}
        self._guest: Path | None = None
        self._noted = 0.0

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> ChildProcess:
        """Return a warm process in ``agent``'s workspace.

        Raises:
            SandboxUnavailable: Deno is not installed, or the isolation cannot be had.
            Overloaded: too many callers wait already.
            ValidationFailed: ``agent`` is no name, or there is an ``environment``: those are Python's.
        """
        deno_binary.refuse(environment)
        if self._guest is not None and time.monotonic() - self._noted > _A_DAY:
            # Another version may be at work beside us, and removes what seems to be of no use.
            deno_guest.note_use(self._guest)
            self._noted = time.monotonic()
        return await super().lease(agent)

    @property
    def modules_address(self) -> str:
        """Where programs see the folder of generated modules."""
        return f"file://{_MODULES}"

    def workspace_address(self, agent: str) -> str:  # noqa: ARG002 - each sees its own at the same place
        """Where programs see the agent's workspace."""
        return f"file://{_WORKSPACE}"

    def _settings(self, environment: SandboxEnvironment | None) -> dict[str, Any]:  # noqa: ARG002 - none
        self._modules.mkdir(parents=True, exist_ok=True)
        binary = deno_binary.find()
        guest = self._guest = deno_guest.compiled(self._modules.parent, binary).resolve()

        def arguments(main: str, *, forks: bool = False) -> list[str]:
            return deno_binary.arguments(
                guest=_GUEST,
                main=deno_guest.main(guest, main),
                workspace=_WORKSPACE,
                readable=(_MODULES,),
                writable=(_AGENT,),
                memory_mb=self._limits.memory_mb,
                forks=forks,
            )

        return {
            "binary": str(binary),
            "guest": str(guest),
            "modules": str(self._modules.resolve()),
            "arguments": arguments("main"),
            "template": arguments("template", forks=True),
            **self._recycling,
            "environment": deno_binary.environment(_WORKSPACE, f"{_AGENT}/tmp/.deno"),
        }
