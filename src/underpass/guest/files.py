"""What a workspace does with its files, once their paths are known to be inside."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_UNFINISHED: Final = ".saving-"
"""Begins the name of a file that is being written."""


def read(path: str) -> bytes:
    """Return what a file holds."""
    return Path(path).read_bytes()


def size(path: str) -> int:
    """Return how many bytes a file has; none where there is no file."""
    file = Path(path)
    return file.stat().st_size if file.is_file() else 0


def write(path: str, content: bytes, *, whole: bool) -> None:
    """Write a file, and make its folder.

    Parameters:
        whole: the file is there as a whole or as it was, whatever happens; that takes room for both.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not whole:
        _put(target, content, os.O_TRUNC)
        return
    unfinished = target.with_name(f"{_UNFINISHED}{time.time_ns():x}")
    try:
        _put(unfinished, content, os.O_EXCL)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def below(folder: str) -> Iterator[str]:
    """Give the paths of all files below a folder; links to folders are not followed."""
    # Listing it says what is wrong, where `walk` is silent.
    os.scandir(folder).close()
    for place, _folders, files in os.walk(folder):
        yield from (f"{place}/{file}" for file in files if not file.startswith(_UNFINISHED))


def is_file(path: str) -> bool:
    """Whether a path is that of a file, and of no socket or the like."""
    return Path(path).is_file()


def is_folder(path: str) -> bool:
    """Whether a path is that of a folder."""
    return Path(path).is_dir()


def remove(path: str) -> None:
    """Remove a file, a link, or a folder with all that is in it."""
    target = Path(path)
    if target.is_dir() and not target.is_symlink():
        import shutil

        shutil.rmtree(target)
    else:
        target.unlink()


def _put(path: Path, content: bytes, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)
