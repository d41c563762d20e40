"""Makes a workspace what it was: by what differs, or all at once where most of it does."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from underpass.workspace.checkpoints.difference import Difference
from underpass.workspace.checkpoints.manifest import Entry, Manifest
from underpass.workspace.checkpoints.objects import ObjectStore
from underpass.workspace.checkpoints.tree import FOLDER

STAGING: Final = ".restoring-"
"""Begins the names of folders beside the workspaces in which restored files are made ready."""
_MANY: Final = 64
_SHARE: Final = 0.5
"""From so many differences, and from so many for each file, the whole tree is made anew."""
_EXCHANGE: Final = 2
"""``RENAME_EXCHANGE`` of linux/fs.h."""


class Restoring:
    """Brings one workspace to a state that is kept.

    Every file is written beside the workspace, and then moved to its place: at no moment is there half
    a file. The workspace's own folder stays the same one, since programs at work have it open.

    Parameters:
        workspace: the agent's folder.
        objects: the contents.
        owner: who owns what is made, as numbers of user and group; None for whoever runs this.
    """

    def __init__(self, workspace: Path, objects: ObjectStore, owner: tuple[int, int] | None) -> None:
        self._workspace = workspace
        self._objects = objects
        self._owner = owner

    def apply(self, now: Manifest, wanted: Manifest, changes: list[Difference]) -> None:
        """Do what ``changes`` says.

        Raises:
            OSError: a file cannot be written; what was done until then stays done.
        """
        if not changes:
            return
        staging = self._workspace.parent / f"{STAGING}{secrets.token_hex(6)}"
        staging.mkdir(mode=0o700)
        try:
            if len(changes) >= _MANY and len(changes) >= _SHARE * len({*wanted, *now}):
                self._swap(now, wanted, staging)
            else:
                self._patch(now, wanted, changes, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _swap(self, now: Manifest, wanted: Manifest, staging: Path) -> None:
        self._build(wanted, staging)
        with _opened(self._workspace) as top, _opened(staging) as made:
            for name in sorted({path.partition("/")[0] for path in now.keys() | wanted.keys()}):
                if name not in wanted:
                    os.rename(name, f"{name}.old", src_dir_fd=top, dst_dir_fd=made)
                elif name not in now or not _exchange(made, top, name):
                    with suppress(FileNotFoundError):
                        os.rename(name, f"{name}.old", src_dir_fd=top, dst_dir_fd=made)
                    os.rename(name, name, src_dir_fd=made, dst_dir_fd=top)

    def _build(self, wanted: Manifest, staging: Path) -> None:
        with _opened(staging) as top:
            # Sorted by path, so that each folder comes before what is in it.
            for path, entry in sorted(wanted.items()):
                self._make(entry, top, path)
            self._set_modes(top, wanted, wanted)

    def _patch(self, now: Manifest, wanted: Manifest, changes: list[Difference], staging: Path) -> None:
        gone = [
            change.path for change in changes if not _stays(now.get(change.path), wanted.get(change.path))
        ]
        with _opened(self._workspace) as top, _opened(staging) as made:
            for path in sorted(gone, reverse=True):
                self._remove(top, path, now)
            for change in changes:
                entry = wanted.get(change.path)
                if entry is None:
                    continue
                with _parent(top, change.path) as (folder, name):
                    if entry.kind != "folder":
                        self._make(entry, made, "new")
                        os.rename("new", name, src_dir_fd=made, dst_dir_fd=folder)
                    elif change.path not in now or change.path in gone:
                        self._make(entry, folder, name)
            self._set_modes(top, wanted, [change.path for change in changes])

    def _set_modes(self, top: int, wanted: Manifest, paths: Iterable[str]) -> None:
        """Give folders their modes, once all is in them: one may be closed to its owner."""
        for path in sorted(paths, reverse=True):
            if (entry := wanted.get(path)) is not None and entry.kind == "folder":
                with _parent(top, f"{path}/.") as (folder, _):
                    os.fchmod(folder, entry.mode)

    def _remove(self, top: int, path: str, now: Manifest) -> None:
        entry = now.get(path)
        if entry is None:
            return
        with suppress(FileNotFoundError), _parent(top, path) as (folder, name):
            if entry.kind == "folder":
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)

    def _make(self, entry: Entry, folder: int, name: str) -> None:
        if entry.kind == "folder":
            os.mkdir(name, 0o700, dir_fd=folder)
        elif entry.kind == "link":
            os.symlink(entry.content, name, dir_fd=folder)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
            try:
                self._objects.write_to(entry.content, descriptor)
                os.fchmod(descriptor, entry.mode)
                os.utime(descriptor, ns=(entry.changed, entry.changed))
            finally:
                os.close(descriptor)
        if self._owner is not None:
            os.chown(name, *self._owner, dir_fd=folder, follow_symlinks=False)


def remove_leftovers(workspaces: Path) -> None:
    """Remove what an interrupted restore has left beside the workspaces."""
    for folder in workspaces.glob(f"{STAGING}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _stays(before: Entry | None, after: Entry | None) -> bool:
    """Whether what is there is replaced in one step, and need not be removed before."""
    if before is None:
        return True
    if after is None:
        return False
    return (before.kind == "folder") == (after.kind == "folder")


@contextmanager
def _opened(folder: Path) -> Generator[int]:
    descriptor = os.open(folder, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _parent(top: int, path: str) -> Generator[tuple[int, str]]:
    """Open the folder that a path is in, following no link: the agent's code may put one in the way."""
    *folders, name = path.split("/")
    descriptor = os.dup(top)
    try:
        for folder in folders:
            below = os.open(folder, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor, name
    finally:
        os.close(descriptor)


def _exchange(first: int, second: int, name: str) -> bool:
    """Exchange what two folders have under a name, at once; returns whether the system can."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    raw = os.fsencode(name)
    return call(first, raw, second, raw, _EXCHANGE) == 0
