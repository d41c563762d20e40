"""The trail's files: segments of rows, and the head, which says where the chain ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HEAD: Final = "head"
_SUFFIX: Final = ".jsonl"
PATIENCE: Final = 5.0
"""Seconds to wait for another process that writes; each needs a few microseconds."""
_PAUSE: Final = 0.0005
_END_BYTES: Final = 64 * 1024
"""More than the longest row has."""
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Head:
    """The last row: its number and its hash."""

    number: int
    hash: str


def segments(folder: Path) -> list[int]:
    """Return the numbers of the segments that there are, the oldest first. Raises ``OSError``."""
    stems = (path.stem for path in folder.glob(f"*{_SUFFIX}"))
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit())


def segment_path(folder: Path, segment: int) -> Path:
    """Return where a segment is."""
    return folder / f"{segment:08d}{_SUFFIX}"


def open_to_write(path: Path, *, append: bool = False) -> int:
    """Open a file, which is made where there is none; only its owner may read it. Raises ``OSError``."""
    return os.open(path, os.O_RDWR | os.O_CREAT | _BINARY | (os.O_APPEND if append else 0), 0o600)


def read_head(path: Path) -> Head | None:
    """Return the head; None where it is missing, empty or no head. Raises ``OSError``."""
    try:
        number, digest = path.read_text(encoding="ascii").split()
        return Head(int(number), digest)
    except (FileNotFoundError, ValueError):
        return None


def write_head(descriptor: int, number: int, digest: str) -> None:
    """Write the head. It is always as long, so that no half of it stays behind. Raises ``OSError``."""
    line = f"{number:020d} {digest}\n".encode()
    if sys.platform == "win32":
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, line)
    else:
        os.pwrite(descriptor, line, 0)


def read_end(descriptor: int) -> tuple[int, bytes | None]:
    """Return how many bytes of a segment are whole lines, and the last of these.

    Raises:
        OSError: it cannot be read.
    """
    size = os.fstat(descriptor).st_size
    begin = max(0, size - _END_BYTES)
    os.lseek(descriptor, begin, os.SEEK_SET)
    content = os.read(descriptor, size - begin)
    whole, newline, _ = content.rpartition(b"\n")
    if not newline:
        return begin, None
    return begin + len(whole) + 1, whole.rpartition(b"\n")[2]


def first_line(descriptor: int) -> bytes:
    """Return the first line of a segment. Raises ``OSError``."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, _END_BYTES).partition(b"\n")[0]


def lock(descriptor: int, patience: float = PATIENCE) -> None:
    """Keep other writers away until ``unlock``. Raises ``OSError``: another one takes too long."""
    if sys.platform == "win32":
        return
    import fcntl

    end: float | None = None
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            now = time.monotonic()
            end = end or now + patience
            if now > end:
                raise OSError(error.errno, "another process holds the audit trail") from error
            # As SQLite waits: the other one is done in less time than another thread takes to start.
            time.sleep(_PAUSE)
        else:
            return


def unlock(descriptor: int) -> None:
    """Let other writers write."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Keep writers away, where there is a head and one may open it. Raises ``OSError``."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _BINARY)
    except FileNotFoundError:
        yield
        return
    try:
        lock(descriptor)
        yield
    finally:
        os.close(descriptor)
