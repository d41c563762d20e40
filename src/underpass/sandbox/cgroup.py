"""One control group for a zygote and all its children, where we may make one.

A bound for all sandboxes together, over the bounds that each has by its resource limits: memory
that is shared out by many, and threads, which no resource limit counts for one sandbox alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MOUNT: Final = Path("/sys/fs/cgroup")
_NAME: Final = re.compile(r"underpass-(\d+)-\d+")
_TASKS: Final = 8_192
"""Processes and threads of all sandboxes together: eight for each of the 1,024 that may be alive."""
_MEMORY_SHARE: Final = 0.8
"""Of the machine's memory: the host's own processes keep the rest."""


class ControlGroup:
    """The groups made for one zygote; version 1 has one for each controller."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders

    def add(self, process: int) -> None:
        """Put ``process``, and whatever it forks from now on, into the group."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(process), encoding="ascii")

    def remove(self) -> None:
        """Remove the group; its processes have ended."""
        for folder in self._folders:
            _remove(folder)


def create(process: int) -> ControlGroup | None:
    """Make a group for the zygote ``process`` and put it in; None where we may not."""
    made: list[Path] = []
    for parent, limits in _places():
        _remove_stale(parent)
        folder = parent / f"underpass-{os.getpid()}-{process}"
        try:
            folder.mkdir()
            made.append(folder)
            for name, value in limits.items():
                (folder / name).write_text(str(value), encoding="ascii")
        except OSError:
            continue
    group = ControlGroup(made)
    try:
        group.add(process)
    except OSError:
        group.remove()
        return None
    return group if made else None


def _places() -> Iterator[tuple[Path, dict[str, int]]]:
    """The folders in which a group of ours can stand, and the limits to write in each."""
    memory = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _MEMORY_SHARE)
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, names, path = line.split(":", 2)
        own = path.lstrip("/")
        controllers = set(names.split(","))
        if not names:
            # Version 2 has processes in leaves only: ours is a sibling of the group that we are in.
            parent = (_MOUNT / own).parent if own else _MOUNT
            enabled = _enabled(parent)
            limits = {"memory": ("memory.max", memory), "pids": ("pids.max", _TASKS)}
            if set(limits) & set(enabled):
                yield parent, dict(limits[name] for name in limits if name in enabled)
        if "memory" in controllers:
            yield _MOUNT / "memory" / own, {"memory.limit_in_bytes": memory}
        if "pids" in controllers:
            yield _MOUNT / "pids" / own, {"pids.max": _TASKS}


def _enabled(folder: Path) -> list[str]:
    try:
        return (folder / "cgroup.subtree_control").read_text(encoding="ascii").split()
    except OSError:
        return []


def _remove_stale(parent: Path) -> None:
    """Remove groups of hosts that were killed before they could."""
    try:
        found = [folder for folder in parent.iterdir() if (match := _NAME.fullmatch(folder.name))
                 and not Path(f"/proc/{match[1]}").exists()]  # fmt: skip
    except OSError:
        return
    for folder in found:
        _remove(folder)


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        # Its last process is still being taken apart; the next host removes the empty group.
        return
