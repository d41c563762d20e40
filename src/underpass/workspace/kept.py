"""Reads what runs left in agents' ``results``, from outside of the sandbox."""

from __future__ import annotations

import builtins
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from mimetypes import guess_type
from pathlib import Path
from typing import Any, Final

from underpass.errors import ResultNotFound, ValidationFailed, did_you_mean
from underpass.workspace.folders import is_name

FOLDER: Final = "results"
_HANDLE: Final = re.compile(rf"(?:{FOLDER}/)?([A-Za-z0-9][A-Za-z0-9._-]{{0,199}})")
_NO_LINKS: Final = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINKS
_FILE: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NO_LINKS
"""Without waiting for who writes to a pipe that has the name of a result."""


@dataclass(frozen=True, slots=True)
class KeptResult:
    """One result; ``handle`` is what an answer calls it."""

    agent: str
    handle: str
    bytes: int
    modified: datetime
    """In UTC."""

    @property
    def mime_type(self) -> str:
        """What its ending says, plain bytes where that says nothing."""
        return guess_type(self.handle)[0] or "application/octet-stream"

    def to_dict(self) -> dict[str, Any]:
        """The facts as one JSON object."""
        return {
            "agent": self.agent,
            "handle": self.handle,
            "bytes": self.bytes,
            "mime_type": self.mime_type,
            "modified": self.modified.isoformat(timespec="milliseconds"),
        }


class KeptResults:
    """The results of all agents. The agents' code owns those folders, so no link in them is followed.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
    """

    def __init__(self, workspaces: Path) -> None:
        self._workspaces = workspaces

    def agents(self) -> builtins.list[str]:
        """Return the agents that have a workspace, sorted."""
        try:
            with os.scandir(self._workspaces) as entries:
                return sorted(
                    entry.name
                    for entry in entries
                    if is_name(entry.name) and entry.is_dir(follow_symlinks=False)
                )
        except FileNotFoundError:
            return []

    def list(self, agent: str) -> builtins.list[KeptResult]:
        """Return an agent's results, the newest first. Raises ``ValidationFailed`` for a bad name."""
        try:
            folder = self._folder(agent)
        except OSError:
            return []
        found: builtins.list[KeptResult] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    # What a program removes meanwhile is not there.
                    with suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        if _HANDLE.fullmatch(entry.name) and stat.S_ISREG(status.st_mode):
                            found.append(_kept(agent, entry.name, status))
        finally:
            os.close(folder)
        return sorted(found, key=lambda each: (each.modified, each.handle), reverse=True)

    def read(self, agent: str, handle: str, *, most: int | None = None) -> tuple[KeptResult, bytes]:
        """Return a result and what it holds.

        Parameters:
            handle: with or without the folder before its name.
            most: bytes; a larger result is not read.

        Raises:
            ResultNotFound: the agent has no such result.
            ValidationFailed: the agent's name is none, or the result is larger than ``most``.
        """
        named = _HANDLE.fullmatch(handle)
        try:
            if named is None:
                raise FileNotFoundError
            folder = self._folder(agent)
            try:
                descriptor = os.open(named[1], _FILE, dir_fd=folder)
            finally:
                os.close(folder)
            with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise FileNotFoundError
                kept = _kept(agent, named[1], status)
                content = file.read(-1 if most is None else most + 1)
        except OSError as error:
            raise self._not_found(agent, handle) from error
        if most is not None and len(content) > most:
            raise ValidationFailed(
                f"{kept.handle} has {kept.bytes:,} bytes, and {most:,} are shown at most",
                hint=f"`underpass results show {kept.handle} --agent {agent} --out FILE` writes it whole; a "
                "program loads it by `load_result`",
                handle=kept.handle,
                bytes=kept.bytes,
            )
        return kept, content

    def _folder(self, agent: str) -> int:
        if not is_name(agent):
            raise ValidationFailed(f"{agent!r:.100} is no name for an agent", hint="`underpass results list`")
        inside = os.open(self._workspaces / agent, _DIRECTORY)
        try:
            return os.open(FOLDER, _DIRECTORY, dir_fd=inside)
        finally:
            os.close(inside)

    def _not_found(self, agent: str, handle: str) -> ResultNotFound:
        known = [each.handle for each in self.list(agent)]
        close = did_you_mean(handle[:300], known) or known[:3]
        hint = f"there are {', '.join(close)}" if close else f"no result of agent {agent} is kept"
        return ResultNotFound(f"agent {agent} has no result {handle!r:.300}", hint=hint, handle=handle[:300])


def _kept(agent: str, name: str, status: os.stat_result) -> KeptResult:
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return KeptResult(agent, f"{FOLDER}/{name}", status.st_size, modified)
