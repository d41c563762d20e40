"""Tells all processes that share a state folder when a server was written to."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import struct
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

EVERYTHING: Final = 0
"""The server that stands for all of them."""
_SLOTS: Final = 4_096
_SLOT: Final = struct.Struct("<QddI4x")
"""The epoch; how many writers there are (last), and until when they are believed; until when a write whose
end is not known may still happen."""
_SIZE: Final = _SLOTS * _SLOT.size
_LOOK: Final = 0.05
"""Seconds after which it is looked whether the file is still there: looking takes as long as reading it."""
_LOG: Final = logging.getLogger("underpass.cache")


class Epochs:
    """A file with an epoch for each server, which ends when someone writes to the server.

    An epoch is a random number, so that no two are ever the same. There is none while a write is in
    flight, nor for a while after one whose end is not known: it may still happen. A process that is
    killed leaves its write in flight for as long as a call may take.

    The file is read with each use: the processes need not know of each other. Servers are few, and two
    that share a place in it only end each other's epochs.

    Parameters:
        path: the file; made when it is first needed, and again when it is gone or has another size.
        clock: seconds, the same in all processes, and never standing still.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._name = str(path)
        self._clock = clock
        self._descriptor: int | None = None
        self._looked = 0.0
        """When the file was last seen to be where others look for it."""
        self._broken = False
        """Whether a write could not be told of: what is kept is worth nothing then."""
        self._said = False

    def place(self, server: str) -> int:
        """Return the place of a server, which is the same in every process."""
        digest = hashlib.sha256(server.encode("utf-8", "surrogatepass")).digest()
        return 1 + int.from_bytes(digest[:8], "little") % (_SLOTS - 1)

    def current(self, place: int) -> int | None:
        """Return the epoch of a server; None while nothing of it must be kept."""
        try:
            epoch, until, uncertain, writers = _SLOT.unpack(self._read(place))
        except OSError as error:
            self._say(error)
            return None
        if self._broken or ((writers or uncertain) and self._clock() < max(until, uncertain)):
            return None
        return epoch

    def is_current(self, place: int, epoch: int) -> bool:
        """Whether a server has not been written to since the epoch began."""
        try:
            return _SLOT.unpack(self._read(place))[0] == epoch and not self._broken
        except OSError as error:
            self._say(error)
            return False

    def exist(self) -> bool:
        """Whether some process keeps anything, or has."""
        return self._descriptor is not None or os.path.exists(self._name)  # noqa: PTH110 - with each call

    def begin(self, place: int, longest: float) -> None:
        """End the epoch of a server that is about to be written to.

        Parameters:
            longest: seconds after which the write has surely happened, or never will.
        """
        self._change(place, 1, believed=longest)

    def end(self, place: int, *, known: bool, longest: float) -> None:
        """End the epoch once more, as a read may have begun meanwhile.

        Parameters:
            known: whether the write is over; it may still happen otherwise, within ``longest`` seconds.
        """
        self._change(place, -1, uncertain=0 if known else longest)

    def end_all(self) -> None:
        """End every epoch."""
        try:
            with self._held() as descriptor:
                content = bytearray(os.pread(descriptor, _SIZE, 0))
                _renew(content)
                os.pwrite(descriptor, content, 0)
        except OSError as error:
            self._broken = True
            self._say(error)

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _read(self, place: int) -> bytes:
        descriptor = self._descriptor
        if descriptor is None or self._clock() - self._looked > _LOOK:
            descriptor = self._file()
        content = os.pread(descriptor, _SLOT.size, place * _SLOT.size)
        if len(content) != _SLOT.size:
            raise OSError(f"{self._path} was cut")
        return content

    def _change(self, place: int, more: int, *, believed: float = 0, uncertain: float = 0) -> None:
        at = place * _SLOT.size
        try:
            with self._held() as descriptor:
                _, until, lasting, writers = _SLOT.unpack(os.pread(descriptor, _SLOT.size, at))
                now = self._clock()
                if now >= until:
                    writers = 0  # whoever wrote was killed
                writers = max(writers + more, 0)
                until = max(until, now + believed) if writers else 0.0
                lasting = max(lasting, now + uncertain) if uncertain or now < lasting else 0.0
                os.pwrite(descriptor, _SLOT.pack(secrets.randbits(64), until, lasting, writers), at)
        except OSError as error:
            self._broken = True
            self._say(error)

    @contextmanager
    def _held(self) -> Generator[int]:
        """Let no other process write."""
        if sys.platform == "win32":
            raise OSError("Windows has no such locks")
        import fcntl

        descriptor = self._file()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield descriptor
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _file(self) -> int:
        """Open the file, if it is not open and still where others look for it."""
        if sys.platform == "win32":
            raise OSError("Windows has no such locks")
        if self._descriptor is not None:
            status = os.fstat(self._descriptor)
            if status.st_nlink and status.st_size == _SIZE:
                self._looked = self._clock()
                return self._descriptor
            self.close()
        for _ in range(10):
            with suppress(FileNotFoundError):
                descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                status = os.fstat(descriptor)
                if status.st_size == _SIZE:
                    self._descriptor, self._looked = descriptor, self._clock()
                    return descriptor
                os.close(descriptor)
                self._path.unlink(missing_ok=True)
            self._make()
        raise OSError(f"{self._path} is not what it was made as")

    def _make(self) -> None:
        for folder in (self._path.parent.parent, self._path.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = bytearray(_SIZE)
        _renew(content)
        new = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, for its permissions
                file.write(content)
            # Whoever was faster has made the file that counts.
            with suppress(FileExistsError):
                os.link(new, self._path)
        finally:
            new.unlink(missing_ok=True)

    def _say(self, error: OSError) -> None:
        if not self._said:
            _LOG.warning("nothing is kept of calls, as %s cannot be used: %s", self._path, error)
        self._said = True


def _renew(content: bytearray) -> None:
    epochs = secrets.token_bytes(8 * _SLOTS)
    for byte in range(8):
        content[byte :: _SLOT.size] = epochs[byte::8]
