"""Keeps and restores agents' workspaces."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import tarfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from underpass.config import WorkspaceSettings
from underpass.errors import ExecutionError, ValidationFailed, WorkspaceFull
from underpass.workspace.checkpoints import collecting
from underpass.workspace.checkpoints.collecting import Collected, Problem
from underpass.workspace.checkpoints.difference import Difference, differences
from underpass.workspace.checkpoints.locking import locked
from underpass.workspace.checkpoints.manifest import Manifest, ManifestInvalid, contents, dump, load
from underpass.workspace.checkpoints.objects import ObjectStore
from underpass.workspace.checkpoints.reading import Reading
from underpass.workspace.checkpoints.references import Checkpoint, References
from underpass.workspace.checkpoints.restoring import Restoring, remove_leftovers
from underpass.workspace.checkpoints.tree import FOLDER
from underpass.workspace.folders import is_name

BEFORE_RUN: Final = "before-run-"
"""Begins the names of checkpoints that a run removes when it ends."""
_MB: Final = 1_048_576
_GRACE: Final = 3_600.0
"""Seconds: longer than any checkpoint takes, so that none loses what it has just found to be there."""
_AUTOMATIC: Final = 5
"""Automatic checkpoints of an agent that are kept."""
_DAY: Final = 86_400.0
_MEANING: Final = {
    errno.ENOSPC: "the disk is full: nothing was lost; make room and try again",
    errno.EDQUOT: "the quota on this disk is used up: nothing was lost; make room and try again",
    errno.EROFS: "the disk is read-only; checkpoints are kept in the state folder",
    errno.EACCES: "a file or folder in the workspace is closed to whoever runs Underpass",
    errno.EEXIST: "choose a file that does not exist yet",
}
"""What a disk's error means, and what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    checkpoint: Checkpoint
    changes: tuple[Difference, ...]
    before: Checkpoint | None
    """The automatic checkpoint of what was there; None where nothing had to change."""


class Checkpoints:
    """The checkpoints of all agents of one place.

    Every function does all its work before it returns, and may take long: call it in a thread. Several
    processes may work on the same workspaces.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        state: the state folder; ``content/`` and ``checkpoints/`` are made in it.
        settings: how many checkpoints and how much of them an agent may keep.
    """

    def __init__(self, workspaces: Path, state: Path, settings: WorkspaceSettings) -> None:
        self._workspaces = workspaces
        self._content = state / "content"
        self._objects = ObjectStore(self._content)
        self._folder = state / "checkpoints"
        self._references = References(self._folder)
        self._settings = settings
        self._readings: dict[str, Reading] = {}

    def create(self, agent: str, name: str, *, automatic: bool = False) -> Checkpoint:
        """Keep what an agent's workspace holds now, under a name.

        A name that is in use stands for the new checkpoint from then on. It lasts when this returns.

        Raises:
            ValidationFailed: there is no such agent, the name is no good, or something in the workspace
                cannot be kept.
            WorkspaceFull: the agent keeps as many checkpoints, or as many bytes of them, as it may.
            ExecutionError: the disk does not allow it.
        """
        self._references.check(name)
        with self._working(agent) as top:
            manifest = self._reading(agent).read(top, self._objects)
            return self._keep(agent, name, manifest, automatic=automatic)

    def list(self, agent: str) -> list[Checkpoint]:
        """Return an agent's checkpoints, the oldest first."""
        return self._references.of(agent)

    def agents(self) -> list[str]:
        """Return the agents that have a workspace here."""
        if not self._workspaces.is_dir():
            return []
        return sorted(
            path.name for path in self._workspaces.iterdir() if is_name(path.name) and path.is_dir()
        )

    def restore(self, agent: str, name: str) -> Restored:
        """Make a workspace what it was at a checkpoint.

        What is there now is kept first, as an automatic checkpoint.

        Raises:
            ValidationFailed: there is no such checkpoint, or something in the workspace cannot be kept.
            ExecutionError: the checkpoint is damaged, or the disk does not allow it; ``before`` names the
                automatic checkpoint where there is one by then.
        """
        checkpoint = self._references.get(agent, name)
        with self._working(agent) as top:
            wanted = self._manifest(agent, checkpoint)
            now = self._reading(agent).read(top, self._objects)
            changes = differences(now, wanted)
            if not changes:
                return Restored(checkpoint, (), None)
            self._expect(agent, checkpoint, wanted, changes)
            stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
            before = self._keep(agent, f"pre-restore-{stamp}-{secrets.token_hex(2)}", now, automatic=True)
            remove_leftovers(self._workspaces)
            status = os.fstat(top)
            owner = (status.st_uid, status.st_gid) if os.geteuid() == 0 else None
            try:
                Restoring(self._workspaces / agent, self._objects, owner).apply(now, wanted, changes)
            except OSError as error:
                why = _MEANING.get(error.errno or 0, "something else works on these files at the same time")
                raise ExecutionError(
                    f"the restore of {name!r} stopped half-way: {error}",
                    hint=f"{why}; restore {name!r} again, or {before.name!r}, which is what was there",
                    before=before.name,
                ) from error
            return Restored(checkpoint, tuple(changes), before)

    def diff(self, agent: str, name: str, other: str | None = None) -> list[Difference]:
        """Return what has changed since a checkpoint, or between two.

        Raises:
            ValidationFailed: there is no such checkpoint, or something in the workspace cannot be read.
            ExecutionError: a checkpoint is damaged.
        """
        before = self._manifest(agent, self._references.get(agent, name))
        if other is not None:
            return differences(before, self._manifest(agent, self._references.get(agent, other)))
        with self._working(agent) as top:
            return differences(before, self._reading(agent).read(top, None))

    def delete(self, agent: str, name: str) -> None:
        """Forget a checkpoint. Raises ``ValidationFailed`` when there is none."""
        self._references.get(agent, name)
        with self._explained(), locked(self._lock(agent)):
            self._references.remove(agent, name)

    def export(self, agent: str, name: str, target: Path) -> int:
        """Write a checkpoint as a compressed tar archive; returns how many files are in it.

        Raises:
            ValidationFailed: there is no such checkpoint.
            ExecutionError: the checkpoint is damaged, or the file cannot be written.
        """
        checkpoint = self._references.get(agent, name)
        manifest = self._manifest(agent, checkpoint)
        with self._explained(), locked(self._all(), shared=True), tarfile.open(target, "x:gz") as archive:
            self._expect(agent, checkpoint, manifest, differences({}, manifest))
            for path, entry in sorted(manifest.items()):
                info = tarfile.TarInfo(path)
                info.mode, info.mtime = entry.mode, entry.changed / 1e9
                if entry.kind == "folder":
                    info.type = tarfile.DIRTYPE
                    archive.addfile(info)
                elif entry.kind == "link":
                    info.type, info.linkname = tarfile.SYMTYPE, entry.content
                    archive.addfile(info)
                else:
                    info.size = entry.size
                    with self._objects.open(entry.content) as content:
                        archive.addfile(info, content)
        return sum(entry.kind == "file" for entry in manifest.values())

    def collect(self, *, grace: float = _GRACE) -> Collected:
        """Remove the contents that no checkpoint of any agent holds.

        Parameters:
            grace: seconds; younger contents stay.
        """
        with self._explained(), locked(self._all()):
            # What is remembered of files must not name contents that are gone.
            for path in self._folder.glob("*.files"):
                path.unlink(missing_ok=True)
            remove_leftovers(self._workspaces)
            collected = collecting.collect(self._objects, self._references, grace)
            self._content.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._collected().touch()
            return collected

    def tidy(self) -> None:
        """Collect once a day at most; for whoever has a moment."""
        try:
            last = self._collected().stat().st_mtime
        except FileNotFoundError:
            last = 0.0
        if self._content.is_dir() and not 0 <= time.time() - last < _DAY:
            self.collect()

    def verify(self) -> list[Problem]:
        """Read every checkpoint whole, and return what is missing or damaged."""
        with self._explained(), locked(self._all(), shared=True):
            return collecting.verify(self._objects, self._references)

    def _keep(self, agent: str, name: str, manifest: Manifest, *, automatic: bool) -> Checkpoint:
        kept = self._references.of(agent)
        earlier = {checkpoint.manifest for checkpoint in kept}
        digest = self._objects.put(dump(manifest))
        files = [entry for entry in manifest.values() if entry.kind == "file"]
        added = 0
        if digest not in earlier:
            known = contents(self._readable(kept[-1:]))
            fresh = {entry.content: entry.size for entry in files if entry.content not in known}
            added = sum(fresh.values())
        checkpoint = Checkpoint(
            name,
            time.time(),
            len(files),
            sum(entry.size for entry in files),
            added,
            automatic,
            digest,
            number=max((each.number for each in kept), default=0) + 1,
        )
        self._make_room(agent, [each for each in kept if each.name != name], checkpoint)
        # Whatever is written first lasts first: a reference never names what a power cut could take.
        self._objects.settle()
        self._references.put(agent, checkpoint)
        return checkpoint

    def _make_room(self, agent: str, kept: list[Checkpoint], new: Checkpoint) -> None:
        """Remove the oldest automatic checkpoints that are too many. Raises ``WorkspaceFull``."""
        yesterday = time.time() - _DAY
        automatic = [
            each
            for each in kept
            if each.automatic and (each.created < yesterday or not each.name.startswith(BEFORE_RUN))
        ]
        spare = automatic[: max(len(automatic) + new.automatic - _AUTOMATIC, 0)]
        for each in spare:
            self._references.remove(agent, each.name)
            kept.remove(each)
        if new.automatic:
            return
        limits = (
            (
                "checkpoints",
                sum(not each.automatic for each in kept) + 1,
                self._settings.checkpoints,
                "checkpoints",
                1,
            ),
            (
                "checkpoints_mb",
                sum(each.added for each in kept) + new.added,
                self._settings.checkpoints_mb * _MB,
                "MB of checkpoints",
                _MB,
            ),
        )
        for setting, would_be, most, words, unit in limits:
            if would_be > most:
                raise WorkspaceFull(
                    f"agent {agent!r} keeps as many {words} as it may: {most // unit:,}",
                    hint=f"delete some with `underpass workspace delete`, or raise workspace.{setting}",
                    limit=setting,
                    value=most // unit,
                    setting=f"workspace.{setting}",
                )

    def _readable(self, checkpoints: list[Checkpoint]) -> Iterator[Manifest]:
        for checkpoint in checkpoints:
            try:
                yield load(self._objects.read(checkpoint.manifest))
            except (OSError, ManifestInvalid):
                continue

    def _manifest(self, agent: str, checkpoint: Checkpoint) -> Manifest:
        try:
            return load(self._objects.read(checkpoint.manifest))
        except (OSError, ManifestInvalid) as error:
            raise self._damaged(agent, checkpoint, "the list of its files is missing or damaged") from error

    def _expect(
        self, agent: str, checkpoint: Checkpoint, wanted: Manifest, changes: list[Difference]
    ) -> None:
        """Find a missing or damaged content before anything is changed."""
        whole: set[str] = set()
        for change in changes:
            entry = wanted.get(change.path)
            if entry is None or entry.kind != "file" or entry.content in whole:
                continue
            if not self._objects.is_whole(entry.content):
                what = f"the content of {change.path!r} is missing or damaged"
                raise self._damaged(agent, checkpoint, what)
            whole.add(entry.content)

    def _damaged(self, agent: str, checkpoint: Checkpoint, what: str) -> ExecutionError:
        return ExecutionError(
            f"checkpoint {checkpoint.name!r} of agent {agent!r} is damaged: {what}",
            hint="`underpass workspace verify` lists what is whole",
            checkpoint=checkpoint.name,
        )

    @contextmanager
    def _working(self, agent: str) -> Generator[int]:
        """Open an agent's workspace, with nobody else keeping or restoring it."""
        if sys.platform == "win32":
            raise ValidationFailed("checkpoints cannot be had on Windows", hint="use Linux or macOS, or WSL")
        folder = self._workspaces / agent
        if not is_name(agent) or not folder.is_dir():
            raise ValidationFailed(
                f"agent {agent!r:.80} has no workspace",
                hint=f"there are: {', '.join(self.agents()) or 'none yet; the first run makes one'}",
            )
        with self._explained(), locked(self._all(), shared=True), locked(self._lock(agent)):
            top = os.open(folder, FOLDER)
            try:
                yield top
            finally:
                os.close(top)

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Say what a disk's error means."""
        try:
            yield
        except OSError as error:
            raise ExecutionError(
                f"the workspace cannot be kept or restored: {error}",
                hint=_MEANING.get(error.errno or 0, "see the message; what was kept before is untouched"),
            ) from error

    def _reading(self, agent: str) -> Reading:
        if agent not in self._readings:
            self._readings[agent] = Reading(self._folder / f"{agent}.files")
        return self._readings[agent]

    def _lock(self, agent: str) -> Path:
        return self._folder / f"{agent}.lock"

    def _all(self) -> Path:
        return self._folder / "all agents.lock"

    def _collected(self) -> Path:
        return self._content / "collected"
