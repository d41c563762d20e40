"""Which process runs a run, and whether that process still lives."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path


def boot() -> str:
    """Return what names this start of the machine; empty where the system does not tell."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


class Presence:
    """A lock that this process holds as long as it lives.

    Parameters:
        folder: where the processes that share a journal have their locks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        self.name = secrets.token_hex(8)

    def take(self) -> None:
        """Hold the lock from now on. Raises ``OSError``."""
        if self._descriptor is None:
            for folder in (self._folder.parent, self._folder):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            while self._descriptor is None:
                descriptor = os.open(self._folder / self.name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                if lock(descriptor) and os.fstat(descriptor).st_nlink:
                    self._descriptor = descriptor
                else:
                    # Somebody took it for a dead one's before it was locked, and removes it.
                    os.close(descriptor)

    def leave(self) -> None:
        """Let the lock go."""
        if self._descriptor is not None:
            with suppress(OSError):
                (self._folder / self.name).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def lives(self, name: str) -> bool:
        """Whether the process of that name lives."""
        if name == self.name:
            return self._descriptor is not None
        try:
            descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not lock(descriptor)
        finally:
            os.close(descriptor)

    def is_known(self, name: str) -> bool:
        """Whether the process of that name lives, or left something that nobody has taken over yet."""
        return (self._folder / name).exists()

    def forget_the_dead(self) -> None:
        """Remove the locks that nobody holds any more."""
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if not self.lives(path.name):
                    path.unlink(missing_ok=True)


def lock(descriptor: int) -> bool:
    """Take the lock of a presence; returns whether it was free."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
