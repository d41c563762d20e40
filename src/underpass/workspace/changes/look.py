"""What a workspace holds, as its file system tells it, and what differs between two looks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from underpass.errors import UnderpassError
from underpass.workspace.changes.store import FileChange
from underpass.workspace.checkpoints.tree import FOLDER, walk

MOST: Final = 5_000
"""Files and folders; what larger workspaces hold is not looked at."""
_TOP: Final = ""


class Facts(NamedTuple):
    """What tells whether a file was changed."""

    is_folder: bool
    inode: int
    size: int
    modified: int
    """In nanoseconds, as all times here. A program can set it."""
    changed: int
    """The kernel sets it to now whenever it changes anything."""


Look = dict[str, Facts]
"""By path; that of the workspace itself is empty."""


def look(folder: Path, most: int = MOST) -> Look | None:
    """Return what a workspace holds; nothing where there is none yet, None where it cannot be told.

    Parameters:
        most: files and folders; None is returned for more.
    """
    found: Look = {}
    try:
        top = os.open(folder, FOLDER)
    except FileNotFoundError:
        return found
    except OSError:
        return None
    try:
        found[_TOP] = _facts(os.fstat(top), is_folder=True)
        for each in walk(top):
            found[each.path] = _facts(each.status, is_folder=each.kind == "folder")
            if len(found) > most:
                return None
    except (OSError, UnderpassError):
        return None
    finally:
        os.close(top)
    return found


def differences(before: Mapping[str, Facts], after: Mapping[str, Facts]) -> Iterator[tuple[FileChange, int]]:
    """Yield the files that are not the same in both, each with the time at which that happened at the latest.

    Folders are passed over: it is files that people miss.
    """
    for path, now in after.items():
        was = before.get(path)
        if now.is_folder or was == now:
            continue
        if was is None or was.is_folder:
            yield FileChange(_said(path), "created", None, now.size), now.changed
        elif was[1:4] != now[1:4]:  # else only its mode or its owner
            yield FileChange(_said(path), "changed", was.size, now.size), now.changed
    for path, was in before.items():
        if not was.is_folder and path not in after:
            yield FileChange(_said(path), "removed", was.size, None), _emptied(path, after)


def _said(path: str) -> str:
    """A path as text that can be written, also where its bytes are none."""
    return path.encode("utf-8", "backslashreplace").decode()


def _emptied(path: str, after: Mapping[str, Facts]) -> int:
    """When something was last taken from the innermost folder that is left of a path."""
    while path:
        path = path.rpartition("/")[0]
        if (folder := after.get(path)) is not None:
            return folder.changed
    return 0


def _facts(status: os.stat_result, *, is_folder: bool) -> Facts:
    return Facts(is_folder, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
