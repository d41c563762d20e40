"""What a workspace holds, as its file system tells it: another fingerprint for any change."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_TICK: Final = 50_000_000
"""Nanoseconds in which a file may change twice without its time of change telling."""
_MOST: Final = 50_000
"""Files and folders; a larger workspace takes longer to look at than most programs run."""


def fingerprint(folder: Path) -> str | None:
    """Return the fingerprint of a workspace; None where it cannot be had.

    It goes by names, inodes, sizes, modes and both times of everything there is. A program can set the time
    of modification, but not the time of change, which the kernel sets to now whenever it changes anything.
    So there is none while something was changed a moment ago: it may change again within that moment.
    """
    seen = hashlib.sha256()
    newest = 0
    now = time.time_ns()
    try:
        for number, (path, status) in enumerate(_walk(folder)):
            if number == _MOST:
                return None
            newest = max(newest, status.st_ctime_ns)
            facts = (
                status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
                status.st_nlink,
            )  # fmt: skip
            seen.update(f"{path}\0{facts}\0".encode("utf-8", "surrogateescape"))
    except (OSError, RecursionError):
        return None
    return seen.hexdigest() if newest < now - _TICK else None


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Go through a folder, which is followed by what is in it, by name; links are not followed."""
    yield "", folder.stat(follow_symlinks=False)
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            yield entry.path, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
