"""Notes between the processes that share a state folder: which run is to end."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from underpass.broker.journal.presence import Presence

_FOLDER: Final = "desks"
_RUN: Final = re.compile(r"[0-9a-z]{1,32}")


class Notes:
    """The notes for one process, each an empty file with the name of a run.

    A file outlives its writer and needs no listener; a process looks for them while it has runs. Nobody can
    write one who cannot write into the state folder.

    Parameters:
        state: the state folder.
        presence: of this process, by which the journal knows whose a run is.
    """

    def __init__(self, state: Path, presence: Presence) -> None:
        self._desks = state / _FOLDER
        self._own = self._desks / presence.name
        self._presence = presence

    def open(self) -> None:
        """Let others know that notes are read here, and remove what dead processes have left."""
        with suppress(OSError):
            self._presence.take()
            self._own.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in self._desks.iterdir():
                if folder != self._own and not self._presence.lives(folder.name):
                    shutil.rmtree(folder, ignore_errors=True)

    def take(self) -> list[str]:
        """Return the runs of which there are notes, and remove these."""
        found: list[str] = []
        with suppress(OSError):
            for name in os.listdir(self._own):  # noqa: PTH208 - names alone, several times a second
                (self._own / name).unlink(missing_ok=True)
                found.append(name)
        return found

    def leave(self, process: str, run: str) -> bool:
        """Leave a note that a run is to end; returns whether its process reads notes."""
        folder = self._desks / process
        if not (process and _RUN.fullmatch(run) and self._presence.lives(process) and folder.is_dir()):
            return False
        try:
            (folder / run).touch(mode=0o600)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Read no more."""
        shutil.rmtree(self._own, ignore_errors=True)
