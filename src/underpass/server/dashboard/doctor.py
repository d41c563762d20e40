"""What `underpass doctor` finds, for the page that asks for it."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import anyio

from underpass.catalog.lock import ToolLock
from underpass.errors import ExecutionError

_PATIENCE: Final = 120.0
"""Seconds; it starts every server once."""
_COMMAND: Final = "from underpass.cli.main import main; main()"
_RUNNING: Final = anyio.Lock()
"""One at a time: each tries a sandbox, and starts every server."""


async def checks(lock: ToolLock | None) -> list[dict[str, Any]]:
    """Return its checks. It is a process of its own, as at a terminal: it tries things that a service cannot.

    Parameters:
        lock: of the configuration that is looked at; None for none.

    Raises:
        ExecutionError: it has not answered.
    """
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
