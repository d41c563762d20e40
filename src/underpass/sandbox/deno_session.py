"""Where sessions of TypeScript live: a pool of their own, as ``session_sandbox`` has one for Python."""

from __future__ import annotations

from typing import Any

from underpass.sandbox.deno import DenoSandbox
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.session_sandbox import unlimited


class DenoSessionSandbox(DenoSandbox):
    """The same sandboxes, for several runs each; nothing is started before there is a session."""

    def _settings(self, environment: SandboxEnvironment | None) -> dict[str, Any]:
        return {**super()._settings(environment), "cpu_seconds": unlimited()}
