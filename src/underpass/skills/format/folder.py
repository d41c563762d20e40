"""Reads a folder that anybody may have written: no link is followed, and no more is read than is allowed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from underpass.errors import SkillInvalid

LARGEST_FILE: Final = 4 * 1024 * 1024
LARGEST_FOLDER: Final = 8 * 1024 * 1024
MOST_FILES: Final = 100
DEEPEST: Final = 4
"""Levels of folders below a skill's own."""

_NO_LINKS: Final = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FILE: Final = os.O_RDONLY | _NO_LINKS
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINKS

Stamp = tuple[int, int, int, int]
"""A file's number, length, and times of the last change of its content and of its inode, in ns.

Who owns a file can set the first time back, and never the second.
"""


class FolderInvalid(Exception):
    """A folder cannot be read as a skill's; ``problems`` says why."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems: tuple[str, ...] = problems


@contextmanager
def folder_at(path: str | Path, inside: int | None = None) -> Generator[int]:
    """Open a folder that is no link itself; yields its descriptor. Raises ``OSError``."""
    descriptor = os.open(path, _FOLDER, dir_fd=inside)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def stamps_of(folder: int) -> dict[str, Stamp]:
    """Return the files of a skill's folder by their paths, in order, without reading them.

    Raises:
        FolderInvalid: there are links or special files in it, or too much of anything.
    """
    found = dict(sorted(_walk(folder, "", 0, [])))
    if large := [path for path, stamp in found.items() if stamp[1] > LARGEST_FILE]:
        raise FolderInvalid(*(f"{path}: it has more than {LARGEST_FILE:,} bytes" for path in large))
    if sum(stamp[1] for stamp in found.values()) > LARGEST_FOLDER:
        raise FolderInvalid(f"all files together have more than {LARGEST_FOLDER:,} bytes")
    return found


def read_files(folder: int, stamps: Mapping[str, Stamp]) -> dict[str, bytes]:
    """Return what the files hold.

    Raises:
        FolderInvalid: a file is not what it was when it was looked at.
    """
    return {path: _read(folder, path, stamp) for path, stamp in stamps.items()}


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of paths and contents, in hex; it is the same in any order of the files."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        # The lengths keep the end of one file from being the beginning of the next.
        digest.update(f"{len(path.encode())} {path} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def read_folder(path: Path) -> dict[str, bytes]:
    """Return the files of any folder. Raises ``SkillInvalid``."""
    try:
        with folder_at(path) as folder:
            return read_files(folder, stamps_of(folder))
    except FolderInvalid as error:
        raise invalid(path.name, error.problems) from error
    except OSError as error:
        raise invalid(path.name, [f"the folder cannot be read: {error.strerror or error}"]) from error


def invalid(name: str, problems: tuple[str, ...] | list[str]) -> SkillInvalid:
    """Return the error for a skill that breaks the rules."""
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return SkillInvalid(
        f"skill {name!r:.80} cannot be used: {next(iter(problems))}{more}",
        hint="mend its files, or take the folder away",
        skill=name,
        problems=list(problems),
    )


def _walk(folder: int, prefix: str, depth: int, count: list[None]) -> Iterator[tuple[str, Stamp]]:
    inside: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{prefix}{entry.name}"
            count.append(None)
            if len(count) > MOST_FILES:
                raise FolderInvalid(f"there are more than {MOST_FILES} files")
            _check_name(path, entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                raise FolderInvalid(f"{path}: {error.strerror}") from error
            if stat.S_ISDIR(status.st_mode):
                inside.append(entry.name)
            elif stat.S_ISREG(status.st_mode):
                yield path, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            else:
                kind = "a link" if stat.S_ISLNK(status.st_mode) else "no file"
                raise FolderInvalid(f"{path}: it is {kind}; a skill has files and folders only")
    for name in inside:
        if depth == DEEPEST:
            raise FolderInvalid(f"{prefix}{name}: folders are nested too deeply")
        try:
            with folder_at(name, folder) as below:
                yield from _walk(below, f"{prefix}{name}/", depth + 1, count)
        except OSError as error:
            raise FolderInvalid(f"{prefix}{name}: {error.strerror}") from error


def _check_name(path: str, name: str) -> None:
    if not name.isprintable() or not name.isascii() or "\\" in name:
        raise FolderInvalid(f"{path!r:.120}: the name of a file is plain letters, digits and signs")


def _read(folder: int, path: str, stamp: Stamp) -> bytes:
    first, slash, rest = path.partition("/")
    try:
        if slash:
            with folder_at(first, folder) as below:
                return _read(below, rest, stamp)
        with closing(os.fdopen(os.open(path, _FILE, dir_fd=folder), "rb")) as file:
            status = os.fstat(file.fileno())
            content = file.read(stamp[1] + 1)
    except OSError as error:
        raise FolderInvalid(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode) or status.st_ino != stamp[0] or len(content) != stamp[1]:
        raise FolderInvalid(f"{path}: it was changed while it was read")
    return content
