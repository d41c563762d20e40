"""Makes files last: what was written is on the disk before anything refers to it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_FEW: Final = 24
"""Files that are synchronised one by one; for more, one call for the whole file system is faster."""


def settle(files: Sequence[Path], folder: Path) -> None:
    """Bring files and their folders' entries to the disk.

    Parameters:
        files: may be many.
        folder: one that is on their file system.
    """
    if not files:
        return
    if len(files) > _FEW and _synchronise_all(folder):
        return
    for file in files:
        _synchronise(file)
    for parent in {file.parent for file in files} | {folder}:
        _synchronise_folder(parent)


def replace(path: Path, content: bytes) -> None:
    """Write a file that is, at every moment, the old one or the new one, and lasts."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with new.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _synchronise_folder(path.parent)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _synchronise_folder(path: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
        _synchronise(path)


def _synchronise_all(folder: Path) -> bool:
    """``syncfs(2)``; returns whether there is such a call."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if os.name == "posix" else None
    if call is None:
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if call(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(descriptor)
    return True
