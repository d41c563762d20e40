"""Whether everything works that runs need."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from underpass import Underpass
from underpass.errors import Overloaded, UnderpassError

_FRESH: Final = 5.0
"""Seconds for which an answer is good: anybody may ask, and each look costs a sandbox."""
_PATIENCE: Final = 10.0
_AGENT: Final = "default"
"""Whose workspace the sandbox is given; nothing runs in it."""


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one look."""

    ok: bool
    detail: str
    kind: str | None = None
    """The type of the last error."""
    error: str | None = None
    """The last error with its message."""


class Health:
    """Looks after each part, at most every few seconds.

    Parameters:
        up: what is looked after.
        is_closing: whether the service takes no more runs.
        clock: seconds that go by.
    """

    def __init__(
        self, up: Underpass, is_closing: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._up = up
        self._is_closing = is_closing
        self._clock = clock
        self._lock = anyio.Lock()
        self._looked = -_FRESH
        self._found: dict[str, Check] = {}

    async def is_ready(self) -> bool:
        """Whether runs are taken: the service does not end, and there is a sandbox."""
        return not self._is_closing() and (await self.checks())["vm_pool_available"].ok

    async def checks(self) -> dict[str, Check]:
        """Return what was found, by the name of the check."""
        async with self._lock:
            if self._clock() - self._looked >= _FRESH:
                self._found = {
                    "vm_pool_available": await self._guarded(self._pool),
                    "mcp_server_reachable": self._servers(),
                    "skill_library_accessible": await self._guarded(self._skills),
                    "cache_operational": await self._guarded(self._cache),
                }
                self._looked = self._clock()
            return self._found

    async def _guarded(self, look: Callable[[], Awaitable[str]]) -> Check:
        try:
            with anyio.fail_after(_PATIENCE):
                return Check(ok=True, detail=await look())
        except (UnderpassError, OSError) as error:
            name = type(error).__name__
            what = "took too long" if isinstance(error, TimeoutError) else str(error)
            return Check(ok=False, detail="it does not work", kind=name, error=f"{name}: {what}")

    async def _pool(self) -> str:
        try:
            lease = await self._up.sandbox.lease(_AGENT)
        except Overloaded:
            return "all sandboxes are at work"  # that is no defect, and requests are told
        lease.release()
        return f"a sandbox was leased ({self._up.sandbox.label})"

    def _servers(self) -> Check:
        states = [state for state in self._up.catalog.states() if state.state != "disabled"]
        failed = [state for state in states if state.state == "failed"]
        if not failed:
            return Check(ok=True, detail=f"servers: {len(states)}, none failed when it was needed last")
        errors = "; ".join(f"{state.name}: {state.error}" for state in failed)
        detail = f"servers: {len(states)}, of which {len(failed)} failed when needed last"
        return Check(ok=False, detail=detail, kind="ServerUnavailable", error=errors[:2_000])

    async def _skills(self) -> str:
        library = self._up.skills.library

        def look() -> str:
            for scope in ("project", "user"):
                _readable(library.folder(scope, _AGENT))
            entries = library.entries(_AGENT)
            waiting = sum(1 for entry in entries if entry.status == "review")
            unusable = sum(1 for entry in entries if entry.problem is not None) - waiting
            return (
                f"{len(entries)} skills, {waiting} of which wait for approval and {unusable} cannot be used"
            )

        return await anyio.to_thread.run_sync(look)

    async def _cache(self) -> str:
        return await anyio.to_thread.run_sync(_writable, self._up.state / "cache")


def _readable(folder: Path) -> None:
    """Raise ``OSError`` where there is a folder that cannot be read."""
    if folder.exists():
        with os.scandir(folder) as entries:
            next(entries, None)


def _writable(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
    return "results can be kept"
