"""Tells other processes of this machine which sessions there are: `underpass sessions` reads it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from underpass.broker.journal.presence import Presence
from underpass.execution.sessions.turn import SessionInfo


class Notice:
    """A file with the sessions of this process. There is none before its first.

    Parameters:
        folder: where the processes that share a state folder have theirs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._presence = Presence(folder / "alive")
        self._written = False

    def write(self, sessions: Sequence[SessionInfo]) -> None:
        """Write what there is now. It is for people alone: where that fails, nothing else does."""
        with suppress(OSError):
            self._presence.take()
            self._written = True
            content = {
                "pid": os.getpid(),
                "written": time.time(),
                "sessions": [asdict(session) for session in sessions],
            }
            path = self._folder / f"{self._presence.name}.json"
            draft = path.with_suffix(".new")
            draft.write_text(json.dumps(content), encoding="utf-8")
            draft.replace(path)

    def remove(self) -> None:
        """Take the file away: this process has no sessions any more."""
        if self._written:
            with suppress(OSError):
                (self._folder / f"{self._presence.name}.json").unlink(missing_ok=True)
                self._presence.leave()


def read_notices(folder: Path) -> list[dict[str, Any]]:
    """Return the sessions of all processes that live, each with its ``pid``.

    ``idle_seconds`` is counted on to now. The files of processes that were killed are removed.
    """
    presence = Presence(folder / "alive")
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.json")):
        if not presence.lives(path.stem):
            path.unlink(missing_ok=True)
            continue
        try:
            content = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue  # it has ended just now
        passed = max(time.time() - content["written"], 0.0)
        for session in content["sessions"]:
            idle = 0.0 if session["busy"] else session["idle_seconds"] + passed
            found.append({**session, "idle_seconds": idle, "pid": content["pid"]})
    presence.forget_the_dead()
    return found
