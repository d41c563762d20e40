"""Puts folders on the disk, whole or not at all, where others may write as well.

All works on the descriptor of the folder around: who puts a link in the way gets nothing.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from underpass.skills.format.folder import folder_at

NEW: Final = ".new-"
"""How a folder is called while it is written; one that is found later was left by a process that died."""
OLD: Final = ".old-"
"""How a folder is called while another takes its place."""
_EXCHANGE: Final = 2
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


def put_folder(parent: int, name: str, files: Mapping[str, bytes]) -> None:
    """Make the folder ``name``, or put it in the place of the one that is there. Raises ``OSError``."""
    new = f"{NEW}{name}-{secrets.token_hex(4)}"
    try:
        _write(parent, new, files)
        _move(parent, new, name)
    finally:
        shutil.rmtree(new, ignore_errors=True, dir_fd=parent)
    os.fsync(parent)


def remove_folder(parent: int, name: str) -> None:
    """Take a folder away, at once for who looks. Raises ``OSError``."""
    old = f"{NEW}{name}-{secrets.token_hex(4)}"
    os.rename(name, old, src_dir_fd=parent, dst_dir_fd=parent)
    os.fsync(parent)
    shutil.rmtree(old, ignore_errors=True, dir_fd=parent)


def make_folder(parent: int, name: str) -> None:
    """Make a folder where there is none. Raises ``OSError``."""
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
        os.fsync(parent)


def tidy(parent: int) -> None:
    """Take away what a process that died has left; nobody else may be writing there."""
    for name in os.listdir(parent):
        if name.startswith(OLD):
            # It was taken out of its place, and nothing was put there.
            with suppress(OSError):
                os.rename(name, name.removeprefix(OLD), src_dir_fd=parent, dst_dir_fd=parent)
        if name.startswith((NEW, OLD)):
            shutil.rmtree(name, ignore_errors=True, dir_fd=parent)


def _write(parent: int, name: str, files: Mapping[str, bytes]) -> None:
    os.mkdir(name, dir_fd=parent)
    with folder_at(name, parent) as folder:
        below: dict[str, dict[str, bytes]] = {}
        for path, content in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                below.setdefault(first, {})[rest] = content
            else:
                with open(os.open(path, _CREATE, 0o666, dir_fd=folder), "wb") as file:  # noqa: PTH123 - a descriptor
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
        for first, inside in below.items():
            _write(folder, first, inside)
        os.fsync(folder)


def _move(parent: int, new: str, name: str) -> None:
    """Put ``new`` in the place of ``name``; what was there is called ``new`` afterwards, or is gone."""
    try:
        os.rename(new, name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
    else:
        return
    if _exchanged(parent, new, name):
        return
    # Two steps; between them there is nothing in the place, and `tidy` puts the old one back.
    old = f"{OLD}{name}"
    os.rename(name, old, src_dir_fd=parent, dst_dir_fd=parent)
    os.rename(new, name, src_dir_fd=parent, dst_dir_fd=parent)
    shutil.rmtree(old, ignore_errors=True, dir_fd=parent)


def _exchanged(parent: int, new: str, name: str) -> bool:
    """``renameat2(2)``: two names change places at once; returns whether this system can do that."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(parent, os.fsencode(new), parent, os.fsencode(name), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in {errno.EINVAL, errno.ENOSYS}:
        return False
    raise OSError(code, os.strerror(code), name)
