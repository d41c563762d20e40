"""One agent's files from outside of the sandbox. Its code owns them, so no link among them is followed."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from underpass.errors import ResultNotFound, ValidationFailed, WorkspaceFull
from underpass.workspace.usage import measure

_NO_LINKS: Final = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINKS
_FILE: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NO_LINKS
_DEEPEST: Final = 32
_MB: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file or folder."""

    path: str
    kind: str
    """``file``, ``folder``, or ``other`` for what is neither: it is not read."""
    bytes: int
    modified: datetime


class AgentFiles:
    """The files in a workspace. Every method waits for the disk.

    Parameters:
        folder: the workspace; there need be none yet.
        quota_mb, max_files: what it may hold.
    """

    def __init__(self, folder: Path, *, quota_mb: int, max_files: int) -> None:
        self._folder = folder
        self._quota = quota_mb * _MB
        self._max_files = max_files

    def list(self, limit: int) -> list[FileFacts]:
        """Return what there is, by path, ``limit`` at most."""
        found: list[FileFacts] = []
        try:
            top = os.open(self._folder, _FOLDER)
        except OSError:
            return []
        for facts in _walk(top, "", 0):
            found.append(facts)
            if len(found) == limit:
                break
        return found

    def read(self, path: str, most: int) -> bytes:
        """Return a file's content.

        Raises:
            ResultNotFound: there is no such file.
            ValidationFailed: it is larger than ``most`` bytes, or the path leads outside.
        """
        with self._parent(path) as (folder, name):
            descriptor = os.open(name, _FILE, dir_fd=folder)
            with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise FileNotFoundError
                if status.st_size > most:
                    raise ValidationFailed(
                        f"{path:.200} has {status.st_size:,} bytes; {most:,} are sent at most"
                    )
                return file.read(most)

    def write(self, path: str, content: bytes) -> None:
        """Put a file there in one step; it belongs to whom the workspace belongs to.

        Raises:
            ResultNotFound: there is no such folder.
            ValidationFailed: the path leads outside, or a folder has that name.
            WorkspaceFull: the workspace has no room for it.
        """
        used = measure(self._folder, self._max_files)
        if used.bytes + len(content) > self._quota or used.files >= self._max_files:
            raise WorkspaceFull(
                f"the workspace has no room for {len(content):,} bytes more",
                hint="delete some files, or raise the setting workspace.quota_mb",
                limit="quota_mb",
                value=self._quota // _MB,
                setting="workspace.quota_mb",
                used_bytes=used.bytes,
            )
        with self._parent(path) as (folder, name):
            owner = os.fstat(folder)
            draft = f".{secrets.token_hex(8)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS
            descriptor = os.open(draft, flags, 0o600, dir_fd=folder)
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                    file.write(content)
                    if os.geteuid() == 0:
                        os.fchown(descriptor, owner.st_uid, owner.st_gid)
                os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft, dir_fd=folder)
                raise

    def delete(self, path: str) -> None:
        """Remove a file, or an empty folder. Raises ``ResultNotFound`` and ``ValidationFailed``."""
        with self._parent(path) as (folder, name):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)

    @contextmanager
    def _parent(self, path: str) -> Generator[tuple[int, str]]:
        """Open the folder that a path leads to, one name after the other; none of them can be a link."""
        parts = path.split("/")
        if any(part in {"", ".", ".."} or "\0" in part for part in parts) or len(parts) > _DEEPEST:
            raise ValidationFailed(f"{path!r:.200} is no path in a workspace", hint="such as data/table.json")
        try:
            current = os.open(self._folder, _FOLDER)
            try:
                for part in parts[:-1]:
                    inner = os.open(part, _FOLDER, dir_fd=current)
                    os.close(current)
                    current = inner
                yield current, parts[-1]
            finally:
                os.close(current)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ResultNotFound(f"there is no {path:.200}", hint="list the files first") from error
        except (OSError, UnicodeEncodeError) as error:
            raise ValidationFailed(f"{path:.200}: {getattr(error, 'strerror', None) or error}") from error


def _walk(folder: int, path: str, depth: int) -> Iterator[FileFacts]:
    """Go through an open folder, and close it."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            with suppress(OSError, UnicodeEncodeError):
                entry.name.encode()  # what is no UTF-8 cannot be named in a request
                status = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
                is_folder = stat.S_ISDIR(status.st_mode)
                kind = "folder" if is_folder else "file" if stat.S_ISREG(status.st_mode) else "other"
                size = 0 if is_folder else status.st_size
                yield FileFacts(path + entry.name, kind, size, datetime.fromtimestamp(status.st_mtime, UTC))
                if is_folder and depth < _DEEPEST:
                    inner = os.open(entry.name, _FOLDER, dir_fd=folder)
                    yield from _walk(inner, f"{path}{entry.name}/", depth + 1)
    finally:
        os.close(folder)
