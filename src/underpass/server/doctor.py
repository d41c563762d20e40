"""What the service and `underpass doctor` find, for whoever asks."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import anyio

from underpass.catalog.lock import ToolLock
from underpass.errors import ExecutionError
from underpass.server.health import Health

_PATIENCE: Final = 120.0
"""Seconds; it starts every server once."""
_COMMAND: Final = "from underpass.cli.main import main; main()"
_RUNNING: Final = anyio.Lock()
"""One at a time: each tries a sandbox, and starts every server."""

_HEALTH: Final = {
    "vm_pool_available": (
        "this service: sandboxes",
        "Programs run in them.",
        "see the checks of the sandbox below",
    ),
    "mcp_server_reachable": (
        "this service: servers",
        "Programs call their tools.",
        "look at Tools and servers",
    ),
    "skill_library_accessible": (
        "this service: skills",
        "Programs import them.",
        "look at who may read skills/",
    ),
    "cache_operational": (
        "this service: cache",
        "Equal calls are answered from it.",
        "look at who may write there",
    ),
}
_ORDER: Final = ("failed", "warning", "ok")


async def examine(health: Health, lock: ToolLock | None) -> list[dict[str, Any]]:
    """Look at this service, and at all that `underpass doctor` looks at. What failed is first.

    Parameters:
        health: of the service.
        lock: of the configuration that is looked at; None for none.

    Raises:
        ExecutionError: `underpass doctor` has not answered.
    """
    seen = await health.checks()
    found: list[dict[str, Any]] = []
    for name, (title, why, hint) in _HEALTH.items():
        each = seen[name]
        what = each.detail if each.error is None else f"{each.detail}: {each.error}"
        found.append(
            {"name": title, "status": "ok" if each.ok else "failed", "what": what, "why": why, "hint": hint}
        )
    found += await _as_at_a_terminal(lock)
    return sorted(found, key=lambda check: _ORDER.index(check["status"]))


async def _as_at_a_terminal(lock: ToolLock | None) -> list[dict[str, Any]]:
    """Return its checks. It is a process of its own: it tries things that a service cannot."""
    arguments = [sys.executable, "-c", _COMMAND, "doctor", "--json"]
    if lock is not None:
        arguments += ["--config", str(lock.config)]
    async with _RUNNING:
        try:
            with anyio.fail_after(_PATIENCE):
                done = await anyio.run_process(arguments, check=False)
            found = json.loads(done.stdout)["checks"]
        except (TimeoutError, OSError, ValueError, KeyError) as error:
            raise ExecutionError(
                f"the checks came to no end: {type(error).__name__}",
                hint="run `underpass doctor` at a terminal",
            ) from error
    return found
