"""What differs between two states of a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from underpass.workspace.checkpoints.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that is not the same in both."""

    path: str
    how: Literal["added", "removed", "changed"]
    before: int | None
    """Bytes in the first state; None where there was no file."""
    after: int | None


def differences(before: Manifest, after: Manifest) -> list[Difference]:
    """Return what has to be done to ``before`` to make it ``after``, by path."""
    found: list[Difference] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None or not old.is_same(new):
            how = "added" if old is None else "removed" if new is None else "changed"
            sizes = [entry.size if entry and entry.kind == "file" else None for entry in (old, new)]
            found.append(Difference(path, how, *sizes))
    return found
