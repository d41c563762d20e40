"""What open pages look at to know whether there is anything new: files' sizes and times, and this process.

Whatever writes to the state folder may be another process, so nobody tells. A look is a few calls to the
kernel; what a page shows is put together again only where a look finds something else than the last.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

import anyio.to_thread

from underpass.execution.reuse.fingerprint import fingerprint
from underpass.server.tenancy.view import TenantView

Topic = Literal["runs", "questions", "trail", "figures", "servers", "files", "changes", "skills"]

_FOLDERS: Final[Mapping[str, str]] = {
    "runs": "journal",
    "questions": "approvals",
    "trail": "audit",
    "figures": "metrics",
    "files": "checkpoints",
    "changes": "changes",
}
_PASSING: Final = ("-shm", ".lock")
"""Ends of names of files that say nothing: readers touch them as well."""


async def sign(topics: Collection[Topic], view: TenantView, service: Any, path: Mapping[str, str]) -> str:
    """Return what is another text once something has changed that a page shows.

    Parameters:
        topics: what it shows.
        path: the names in its address.
    """
    facts: list[object] = [
        _folder(view.up.state / _FOLDERS[each]) for each in sorted(topics) if each in _FOLDERS
    ]
    if "runs" in topics:
        active = view.active(path["run"]) if "run" in path else None
        facts.append([each.run for each in service.desk.going()] if active is None else active.events.count)
    if "servers" in topics:
        facts.append([(each.name, each.state, each.tools, each.error) for each in view.up.catalog.states()])
    if "files" in topics:
        folder = view.up.state.parent / "workspace"
        facts.append(
            await anyio.to_thread.run_sync(fingerprint, folder / view.names.inside(path["agent"]))
            if "agent" in path
            else _folder(folder)
        )
    if "skills" in topics:
        facts += [_folder(view.up.state.parent / "skills"), _folder(view.up.state / "skills")]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _folder(folder: Path) -> list[tuple[str, int, int]]:
    """Return the files of a folder with their sizes and times; what comes and goes meanwhile is left out."""
    found: list[tuple[str, int, int]] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                # An empty log is there whenever somebody reads.
                if status.st_size and not entry.name.endswith(_PASSING):
                    found.append((entry.name, status.st_size, status.st_mtime_ns))
    return sorted(found)
