"""Contents by their SHA-256: each is kept once, whoever has it."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, Final

from underpass.workspace.checkpoints import durable

_CHUNK: Final = 4 << 20
_FICLONE: Final = 0x40049409
"""``FICLONE`` of linux/fs.h."""
_NO_CLONES: Final = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM)


class ObjectStore:
    """A folder of contents. A content is there whole or not at all.

    Parameters:
        folder: where they are; made when something is put there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new: list[Path] = []
        self._made: set[str] = set()
        self._clones = os.name == "posix"

    def put(self, content: bytes) -> str:
        """Keep bytes; returns their digest. They last once ``settle`` was called."""
        digest = hashlib.sha256(content).hexdigest()
        if not self._touch(digest, len(content)):
            with self._temporary() as (file, name):
                file.write(content)
                self._keep(name, digest)
        return digest

    def put_file(self, descriptor: int, size: int) -> tuple[str, int]:
        """Keep what an open file holds; returns the digest and the length of what was read.

        The file may be changed meanwhile: what is kept is what was read, and the digest is of that.
        """
        if size <= _CHUNK:
            content = _read(descriptor, _CHUNK + 1)
            if len(content) <= _CHUNK:
                return self.put(content), len(content)
            os.lseek(descriptor, 0, os.SEEK_SET)
        digest = hashlib.sha256()
        length = 0
        with self._temporary() as (file, name):
            if self._clone(descriptor, file):
                for chunk in _chunks(file.fileno()):
                    digest.update(chunk)
                    length += len(chunk)
            else:
                for chunk in _chunks(descriptor):
                    digest.update(chunk)
                    file.write(chunk)
                    length += len(chunk)
            found = digest.hexdigest()
            if self._touch(found, length):
                name.unlink()
            else:
                self._keep(name, found)
        return found, length

    def settle(self) -> None:
        """Make what was put last: after this, a power cut loses none of it."""
        durable.settle(self._new, self._folder)
        self._new.clear()

    def read(self, digest: str) -> bytes:
        """Return a content. Raises ``OSError`` where it is not there, or not what it was."""
        content = self.path(digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise OSError(errno.EIO, "the content is damaged", digest)
        return content

    def open(self, digest: str) -> BufferedReader:
        """Open a content for reading. Raises ``FileNotFoundError``."""
        return self.path(digest).open("rb")

    def path(self, digest: str) -> Path:
        """Where a content is kept."""
        return self._folder / digest[:2] / digest[2:]

    def write_to(self, digest: str, target: int) -> None:
        """Write a content into an open, empty file, sharing its blocks where the file system can.

        Raises:
            FileNotFoundError: the content is not there.
        """
        with self.open(digest) as source, open(os.dup(target), "wb") as file:  # noqa: PTH123
            if not self._clone(source.fileno(), file):
                file.writelines(_chunks(source.fileno()))

    def all(self) -> Iterator[tuple[str, os.stat_result]]:
        """Return every content's digest and what the file system knows of it."""
        with suppress(FileNotFoundError):
            for folder in sorted(self._folder.iterdir()):
                if len(folder.name) == 2:
                    for file in sorted(folder.iterdir()):
                        yield folder.name + file.name, file.stat()

    def leftovers(self) -> Iterator[Path]:
        """Return the files that an interrupted write has left."""
        yield from (self._folder / "new").glob("*")

    def is_whole(self, digest: str) -> bool:
        """Whether a content is there, and what it was."""
        try:
            with self.open(digest) as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            return False

    def _touch(self, digest: str, size: int) -> bool:
        """Whether a content is there; it counts as new then, so that nobody collects it.

        One of another length is none: it is written again.
        """
        try:
            os.utime(self.path(digest))
            return self.path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def _temporary(self) -> _Temporary:
        folder = self._folder / "new"
        if folder.name not in self._made:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._made.add(folder.name)
        return _Temporary(folder / secrets.token_hex(8))

    def _keep(self, temporary: Path, digest: str) -> None:
        target = self.path(digest)
        if digest[:2] not in self._made:
            target.parent.mkdir(exist_ok=True, mode=0o700)
            self._made.add(digest[:2])
        temporary.rename(target)
        self._new.append(target)

    def _clone(self, source: int, target: IO[bytes]) -> bool:
        if not self._clones:
            return False
        import fcntl

        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source)
        except OSError as error:
            if error.errno not in _NO_CLONES:
                raise
            self._clones = False
            return False
        return True


class _Temporary:
    """A new file that is removed again where its writer fails."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> tuple[IO[bytes], Path]:
        # Read as well: a clone is read to know what it is. Never written again once it is kept.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        self._file = open(descriptor, "wb", buffering=0)  # noqa: PTH123
        return self._file, self._path

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)


def _read(descriptor: int, most: int) -> bytes:
    parts: list[bytes] = []
    while most > 0 and (part := os.read(descriptor, most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def _chunks(descriptor: int) -> Iterator[bytes]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := os.read(descriptor, _CHUNK):
        yield chunk


def digest_of(descriptor: int) -> str:
    """Return the digest of what an open file holds."""
    digest = hashlib.sha256()
    for chunk in _chunks(descriptor):
        digest.update(chunk)
    return digest.hexdigest()
