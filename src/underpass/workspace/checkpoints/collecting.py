"""Removes contents that no checkpoint holds any more, and finds what is damaged."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from underpass.workspace.checkpoints.manifest import ManifestInvalid, contents, load
from underpass.workspace.checkpoints.objects import ObjectStore
from underpass.workspace.checkpoints.references import References


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed."""

    contents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was kept."""

    agent: str
    checkpoint: str
    """Its name, or the file of a reference that cannot be read."""
    path: str
    """The file of the checkpoint; empty where it is the checkpoint itself."""
    what: str


def collect(objects: ObjectStore, references: References, grace: float) -> Collected:
    """Remove every content that no checkpoint holds and that is older than ``grace`` seconds.

    Nothing is removed while a reference or a manifest cannot be read: what it holds is not known.
    """
    used: set[str] = set()
    for agent in references.agents():
        for _, checkpoint in references.files(agent):
            if checkpoint is None:
                return Collected(0, 0)
            try:
                manifest = load(objects.read(checkpoint.manifest))
            except (OSError, ManifestInvalid):
                return Collected(0, 0)
            used |= contents([manifest]) | {checkpoint.manifest}
    latest = time.time() - grace
    count = size = 0
    for digest, status in list(objects.all()):
        if digest not in used and status.st_mtime <= latest:
            objects.path(digest).unlink(missing_ok=True)
            count += 1
            size += status.st_size
    for path in list(objects.leftovers()):
        if path.stat().st_mtime <= latest:
            size += path.stat().st_size
            path.unlink(missing_ok=True)
            count += 1
    return Collected(count, size)


def verify(objects: ObjectStore, references: References) -> list[Problem]:
    """Read every checkpoint of every agent whole, and return what is wrong. No problem is an empty list."""
    problems: list[Problem] = []
    whole: dict[str, bool] = {}
    for agent in references.agents():
        for path, checkpoint in references.files(agent):
            if checkpoint is None:
                problems.append(Problem(agent, _name(path), "", "the reference cannot be read"))
                continue
            name = checkpoint.name
            try:
                manifest = load(objects.read(checkpoint.manifest))
            except (OSError, ManifestInvalid):
                problems.append(Problem(agent, name, "", "the list of its files is missing or damaged"))
                continue
            for file, entry in manifest.items():
                if entry.kind != "file":
                    continue
                if entry.content not in whole:
                    whole[entry.content] = objects.is_whole(entry.content)
                if not whole[entry.content]:
                    problems.append(Problem(agent, name, file, "the content is missing or damaged"))
    return problems


def _name(path: Path) -> str:
    return path.stem
