"""What earlier runs left whole, because it was too large for an answer."""

from __future__ import annotations

import os
from typing import Any, Final

from underpass.guest import files, formats
from underpass.guest.errors import ResultNotFound
from underpass.guest.workspace import Workspace

_FOLDER: Final = "results/"
_NAMED: Final = 5
"""Handles that a hint names."""


def load(workspace: Workspace, handle: str) -> Any:
    """Return what an agent's result holds. Raises ``ResultNotFound``."""
    name = handle.removeprefix(_FOLDER) if isinstance(handle, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance] - a program gives anything
    if not name or name == handle or "/" in name:
        raise ResultNotFound(
            f"{handle!r:.100} is no handle of a result", _hint(workspace), {"handle": _text(handle)}
        )
    try:
        return formats.decode(handle, files.read(workspace.path(handle)))
    except FileNotFoundError:
        problem = f"this agent has no result {handle!r:.300}"
    except (OSError, ValueError) as error:
        problem = f"the result cannot be read: {error}"
    raise ResultNotFound(problem, _hint(workspace), {"handle": handle})


def _text(handle: Any) -> str:
    return handle if isinstance(handle, str) else repr(handle)[:100]


def _hint(workspace: Workspace) -> str:
    try:
        with os.scandir(workspace.path(_FOLDER)) as entries:
            found = [
                (entry.stat().st_mtime, entry.name)
                for entry in entries
                if entry.is_file(follow_symlinks=False)
            ]
    except (OSError, ValueError):
        found = []
    if not found:
        return "a value that is too large for an answer comes with a handle; there is none yet"
    newest = sorted(found, reverse=True)[:_NAMED]
    return "the newest are " + ", ".join(f"{_FOLDER}{name}" for _, name in newest)
