"""Reads a workspace into a manifest; what has not changed since the last time is not read again."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import Any, Final

from underpass.errors import ValidationFailed
from underpass.workspace.checkpoints.manifest import Entry
from underpass.workspace.checkpoints.objects import ObjectStore, digest_of
from underpass.workspace.checkpoints.tree import FILE, Found, walk

_FORMAT: Final = 1
_TICK: Final = 50_000_000
"""Nanoseconds in which a file may change twice without its time of change telling: the kernel's clock
for files goes in steps of up to 10 ms, and a virtual machine's may lag."""

_Known = tuple[int, int, int, int, str]
"""A file's inode, size, time of modification, time of change, and its content's digest."""


class Reading:
    """What is remembered of one workspace's files between checkpoints.

    A file is taken as unchanged when its inode, size and both times are. A program can set the time of
    modification, but not the time of change, which the kernel sets to now whenever it changes anything.

    Parameters:
        path: the file that remembers; a bad one is as good as none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, _Known] = {}
        self._stored: tuple[int, int] | None = None

    def read(self, top: int, objects: ObjectStore | None) -> dict[str, Entry]:
        """Return what a workspace holds, and keep the contents that are new.

        Parameters:
            top: the descriptor of the workspace.
            objects: where the contents are kept; None to know what they are and keep nothing.

        Raises:
            ValidationFailed: see ``walk``.
            OSError: a file cannot be read or kept.
        """
        self._load()
        known: dict[str, _Known] = {}
        manifest: dict[str, Entry] = {}
        for found in walk(top):
            mode = stat.S_IMODE(found.status.st_mode) & 0o777
            if found.kind == "folder":
                manifest[found.path] = Entry("folder", mode)
            elif found.kind == "link":
                manifest[found.path] = Entry("link", 0, content=found.target)
            elif (entry := self._file(found, mode, objects, known)) is not None:
                manifest[found.path] = entry
        if objects is not None and known != self._known:
            self._known = known
            self._store()
        return manifest

    def _file(
        self, found: Found, mode: int, objects: ObjectStore | None, known: dict[str, _Known]
    ) -> Entry | None:
        status = found.status
        remembered = self._known.get(found.path)
        now = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if remembered is not None and remembered[:4] == now:
            known[found.path] = remembered
            return Entry("file", mode, status.st_size, remembered[4], status.st_mtime_ns)
        begun = time.time_ns()
        try:
            descriptor = os.open(found.name, FILE, dir_fd=found.folder)
        except FileNotFoundError:
            return None
        try:
            opened = os.fstat(descriptor)
            if not stat.S_ISREG(opened.st_mode):
                raise ValidationFailed(
                    f"the workspace cannot be kept: {found.path!r} changed while it was read",
                    hint="take the checkpoint when nothing else writes there",
                    path=found.path,
                )
            if objects is None:
                digest, size = digest_of(descriptor), opened.st_size
            else:
                digest, size = objects.put_file(descriptor, opened.st_size)
        finally:
            os.close(descriptor)
        now = (opened.st_ino, opened.st_size, opened.st_mtime_ns, opened.st_ctime_ns)
        # A file that changed a moment ago may change again within the same step of the clock.
        if objects is not None and 0 <= opened.st_ctime_ns < begun - _TICK and size == opened.st_size:
            known[found.path] = (*now, digest)
        return Entry("file", mode, size, digest, opened.st_mtime_ns)

    def _load(self) -> None:
        try:
            status = self._path.stat()
            if self._stored == (status.st_ino, status.st_mtime_ns):
                return
            data: Any = json.loads(self._path.read_bytes())
            files: list[Any] = data["files"] if data["format"] == _FORMAT else []
            self._known = {path: (a, b, c, d, digest) for path, a, b, c, d, digest in files}
            self._stored = (status.st_ino, status.st_mtime_ns)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self._known, self._stored = {}, None

    def _store(self) -> None:
        data = {"format": _FORMAT, "files": [[path, *known] for path, known in self._known.items()]}
        new = self._path.with_name(f"{self._path.name}.new")
        # Under the agent's lock, so that nobody else writes it; and a lost one costs time alone.
        new.write_bytes(json.dumps(data, separators=(",", ":")).encode("ascii"))
        new.replace(self._path)
        status = self._path.stat()
        self._stored = (status.st_ino, status.st_mtime_ns)

    def forget(self) -> None:
        """Read every file at the next time."""
        self._path.unlink(missing_ok=True)
        self._known, self._stored = {}, None
