"""One writer at a time, of all processes on this machine."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from underpass.errors import ExecutionError

_PATIENCE: Final = 60.0
"""Seconds to wait for another process; a first checkpoint of 100 MB takes about one."""
_PAUSE: Final = 0.01


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Generator[None]:
    """Hold a lock that ends with the process at the latest.

    Parameters:
        path: the lock's file, made when it is missing.
        shared: whether others may hold it as well, as long as all say so.

    Raises:
        ExecutionError: another process holds it for a minute.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        yield  # what nobody can write to can still be read
        return
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    deadline = time.monotonic() + _PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, how)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ExecutionError(
                        f"another process has worked on {path.stem!r} for {_PATIENCE:.0f} s",
                        hint="try again when it is done",
                    ) from None
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)
