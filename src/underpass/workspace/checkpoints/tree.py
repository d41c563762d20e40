"""What a workspace holds, read so that its owner's code cannot lead the reader elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from underpass.errors import ValidationFailed

Kind = Literal["file", "folder", "link"]

FOLDER: Final = (
    os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)  # fmt: skip
FILE: Final = (
    os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)  # fmt: skip
LEFT_OUT: Final = "checkpoints"
"""The folder at the top that tells of checkpoints; it is no part of them."""
_DEEPEST: Final = 64
"""Levels of folders; each that is entered takes a descriptor."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file, folder or link, with an open folder to reach it from."""

    path: str
    """Relative to the workspace."""
    kind: Kind
    status: os.stat_result
    folder: int
    """The descriptor of the folder that it is in, open until the next one is asked for."""
    name: str
    target: str = ""
    """Where a link leads."""


def walk(top: int) -> Iterator[Found]:
    """Go through a workspace, each folder before what is in it, in no order.

    Links are never followed: a descriptor, and not a path, leads to each folder.

    Parameters:
        top: the descriptor of the workspace.

    Raises:
        ValidationFailed: something in it cannot be kept: a socket, a device, a link that leads out of
            the workspace, a folder too deep, a name that is not text.
        OSError: a folder cannot be read.
    """
    yield from _walk(top, "", 0, os.fstat(top).st_dev)


def _walk(folder: int, path: str, depth: int, device: int) -> Iterator[Found]:
    if depth > _DEEPEST:
        raise _cannot_keep(path, f"it is more than {_DEEPEST} folders deep", "keep data in fewer folders")
    inside: list[tuple[str, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if depth == 0 and name == LEFT_OUT:
                continue
            full = f"{path}{name}"
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                # It has been removed since it was listed.
                continue
            mode = status.st_mode
            if stat.S_ISREG(mode):
                yield Found(full, "file", status, folder, name)
            elif stat.S_ISDIR(mode):
                if status.st_dev != device:
                    raise _cannot_keep(full, "it is on another file system", "move it")
                yield Found(full, "folder", status, folder, name)
                inside.append((name, full))
            elif stat.S_ISLNK(mode):
                yield Found(full, "link", status, folder, name, _target(folder, name, full, depth))
            else:
                raise _cannot_keep(full, "it is a socket, a device or a pipe", "delete it")
    for name, full in inside:
        try:
            below = os.open(name, FOLDER, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            yield from _walk(below, f"{full}/", depth + 1, device)
        finally:
            os.close(below)


def _target(folder: int, name: str, path: str, depth: int) -> str:
    target = os.readlink(name, dir_fd=folder)
    if not leads_inside(target, depth):
        raise _cannot_keep(
            path, "the link leads out of the workspace", "make it relative, or a copy of the file"
        )
    return target


def leads_inside(target: str, depth: int) -> bool:
    """Whether a link in a folder ``depth`` levels below the top can only lead to what is below the top.

    Every ``..`` must come first. Behind a name it may stand for anything, since the name may be a link.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = 0
    while up < len(parts) and parts[up] == "..":
        up += 1
    return not target.startswith("/") and up <= depth and ".." not in parts[up:]


def _cannot_keep(path: str, why: str, hint: str) -> ValidationFailed:
    return ValidationFailed(f"the workspace cannot be kept: {path!r}: {why}", hint=hint, path=path)
