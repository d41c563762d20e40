"""What is kept on disk, for people."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underpass.broker.cache.entry import Kind, load
from underpass.broker.cache.epochs import Epochs
from underpass.broker.cache.store import entries_of, place_of, seconds


@dataclass(frozen=True, slots=True)
class Group:
    """What is kept of one tool, or of the runs of one agent."""

    kind: Kind
    about: str
    """The tool, as ``server.tool``; the agent."""
    good: int
    """Results that would be given."""
    stale: int
    """Results whose time is over, or that rest on what was written to since."""
    bytes: int
    """Of all of them, on disk."""

    def to_dict(self) -> dict[str, Any]:
        """The group as a JSON object."""
        return {
            "kind": self.kind, "about": self.about, "good": self.good, "stale": self.stale,
            "bytes": self.bytes,
        }  # fmt: skip


def inventory(folder: Path, *, clock: Callable[[], float] = seconds) -> list[Group]:
    """Return what a cache's folder holds, the largest group first. It reads every file."""
    epochs = Epochs(place_of(folder) / "epochs", clock)
    found: dict[tuple[Kind, str], list[int]] = {}
    now = clock()
    for file in entries_of(folder, 0).all():
        with suppress(OSError):
            entry = load(file.path.name, file.path.read_bytes())
            if entry is None:
                continue
            is_good = entry.stored <= now < entry.until and all(
                epochs.is_current(place, epoch) for place, epoch in entry.epochs
            )
            counts = found.setdefault((entry.kind, entry.about), [0, 0, 0])
            counts[0 if is_good else 1] += 1
            counts[2] += file.size
    epochs.close()
    groups = [Group(kind, about, *counts) for (kind, about), counts in found.items()]
    return sorted(groups, key=lambda group: (-group.bytes, group.kind, group.about))


def clear(folder: Path) -> int:
    """Forget everything, in processes that run as well; returns how many results were on disk.

    Raises:
        OSError: it cannot be removed.
    """
    place = place_of(folder)
    epochs = Epochs(place / "epochs", seconds)
    if epochs.exist():
        epochs.end_all()
        epochs.close()
    removed = entries_of(folder, 0).clear()
    with suppress(FileNotFoundError):
        for other in os.scandir(folder):
            # Those of earlier starts of the machine; the file of this one is in use.
            if other.is_dir(follow_symlinks=False) and other.path != str(place):
                shutil.rmtree(other.path)
    return removed
