"""The names of an agent's checkpoints, each with the digest of what it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from underpass.errors import ValidationFailed, did_you_mean
from underpass.workspace.checkpoints import durable
from underpass.workspace.folders import is_name, no_name

_FORMAT: Final = 1
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One state of an agent's workspace that is kept."""

    name: str
    created: float
    """Seconds since 1970."""
    files: int
    bytes: int
    added: int
    """Bytes of it that the one before it had not."""
    automatic: bool
    """Made by Underpass before it changed something, and removed by it in time."""
    manifest: str
    """The digest of what it holds."""
    number: int = 0
    """Its place among the agent's checkpoints: the clock may go backwards."""

    @property
    def when(self) -> datetime:
        """When it was made, in UTC."""
        return datetime.fromtimestamp(self.created, UTC)


class References:
    """The checkpoints of every agent, by name.

    Parameters:
        folder: holds a folder for each agent.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def agents(self) -> list[str]:
        """Return the agents that have checkpoints."""
        if not self._folder.is_dir():
            return []
        return sorted(path.name for path in self._folder.iterdir() if is_name(path.name) and path.is_dir())

    def of(self, agent: str) -> list[Checkpoint]:
        """Return an agent's checkpoints, the oldest first. A file that cannot be read is left out."""
        found = [checkpoint for _, checkpoint in self.files(agent) if checkpoint is not None]
        return sorted(found, key=lambda each: (each.number, each.created, each.name))

    def files(self, agent: str) -> Iterator[tuple[Path, Checkpoint | None]]:
        """Return the file of each reference, and None with one that cannot be read."""
        for path in sorted(self._of(agent).glob("*.json")):
            if not path.name.startswith("."):
                yield path, _load(path)

    def get(self, agent: str, name: str) -> Checkpoint:
        """Return one. Raises ``ValidationFailed`` when there is none."""
        path = self._path(agent, name)
        if path.is_file() and (checkpoint := _load(path)) is not None:
            return checkpoint
        known = [checkpoint.name for checkpoint in self.of(agent)]
        close = did_you_mean(name, known)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known) or 'none yet'}"
        raise ValidationFailed(f"agent {agent!r} has no checkpoint {name!r}", hint=hint, known=known)

    def put(self, agent: str, checkpoint: Checkpoint) -> None:
        """Let a name stand for a checkpoint; it lasts when this returns."""
        path = self._path(agent, checkpoint.name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = {
            "format": _FORMAT,
            "name": checkpoint.name,
            "created": checkpoint.created,
            "files": checkpoint.files,
            "bytes": checkpoint.bytes,
            "added": checkpoint.added,
            "automatic": checkpoint.automatic,
            "manifest": checkpoint.manifest,
            "number": checkpoint.number,
        }
        durable.replace(path, json.dumps(data, indent=1).encode() + b"\n")

    def remove(self, agent: str, name: str) -> None:
        """Forget a name; the contents stay until they are collected."""
        self._path(agent, name).unlink(missing_ok=True)

    def check(self, name: str) -> None:
        """Raise ``ValidationFailed`` for what is no name."""
        if not _NAME.fullmatch(name):
            raise ValidationFailed(
                f"{name!r:.120} is no name for a checkpoint",
                hint="use up to 100 letters, digits, '.', '_' and '-', beginning with a letter or digit",
            )

    def _path(self, agent: str, name: str) -> Path:
        self.check(name)
        return self._of(agent) / f"{name}.json"

    def _of(self, agent: str) -> Path:
        if not is_name(agent):
            raise no_name(agent)
        return self._folder / agent


def _load(path: Path) -> Checkpoint | None:
    try:
        data: Any = json.loads(path.read_bytes())
        if data["format"] != _FORMAT:
            return None
        return Checkpoint(
            name=path.stem,
            created=float(data["created"]),
            files=int(data["files"]),
            bytes=int(data["bytes"]),
            added=int(data["added"]),
            automatic=bool(data["automatic"]),
            manifest=str(data["manifest"]),
            number=int(data.get("number", 0)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
