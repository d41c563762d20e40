"""Where sessions live: a pool of their own, so that they never take the place of an ordinary run."""

from __future__ import annotations

import resource
from typing import Any, Final, Self

from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.pool import Pool
from underpass.sandbox.process import ProcessSandbox

_YEARS: Final = 10**8
"""Seconds of processor time. A hard limit cannot be raised again, and each run has one of its own:
its soft limit, and the host, which looks at the processor time of the process."""


class SessionSandbox(ProcessSandbox):
    """The same sandboxes, for several runs each; nothing is started before there is a session."""

    async def __aenter__(self) -> Self:
        await Pool.__aenter__(self)
        self._tasks.start_soon(self._retire)
        return self

    def _settings(self, environment: SandboxEnvironment | None) -> dict[str, Any]:
        return {**super()._settings(environment), "cpu_seconds": unlimited()}


def unlimited() -> int:
    """Return the seconds of processor time that a sandbox of a session may have in all."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    return _YEARS if most == resource.RLIM_INFINITY else most - 1
