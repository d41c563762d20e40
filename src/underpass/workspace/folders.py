"""Where each agent's files are."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from underpass.errors import SandboxUnavailable, ValidationFailed

PARTS: Final = ("data", "results", "checkpoints", "skills")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED: Final = ("mcp-servers",)


def is_name(agent: str) -> bool:
    """Whether an agent can be called so; its folder is."""
    return _NAME.fullmatch(agent) is not None and agent.casefold() not in _RESERVED


def no_name(agent: str) -> ValidationFailed:
    """Return the error for what is no name of an agent."""
    return ValidationFailed(
        f"{agent!r:.100} is no name for an agent",
        hint="use up to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit",
    )


class AgentFolders:
    """A folder for each agent below ``root``, made on first use.

    Parameters:
        root: the folder of all workspaces; made when it is missing.
        owner: the user that the agents' code runs as; owns what is made here.

    Raises:
        SandboxUnavailable: the disk does not allow it.
    """

    def __init__(self, root: Path, *, owner: int) -> None:
        self._root = root
        self._owner = owner
        self._gives = os.geteuid() == 0
        """Whether what is made here is given to the owner."""
        self._known: dict[str, Path] = {}
        try:
            root.mkdir(parents=True, exist_ok=True)
            mode = root.stat().st_mode
            if self._gives and mode & 0o011 != 0o011:
                # The owner is another user then, and must be able to pass through to its folder.
                root.chmod(mode | 0o011)
        except OSError as error:
            raise _cannot_be_made(f"the folder of workspaces {root}", error) from error

    def ensure(self, agent: str) -> Path:
        """Return the folder of ``agent``, and make it.

        Raises:
            ValidationFailed: that is no name for an agent.
            SandboxUnavailable: the disk does not allow it.
        """
        known = self._known.get(agent)
        if known is not None and known.is_dir():
            return known
        if not is_name(agent):
            raise no_name(agent)
        folder = self._root / agent
        try:
            self._make(str(folder))
            for part in PARTS:
                self._make(f"{folder}/{part}")
        except OSError as error:
            raise _cannot_be_made(f"the workspace of {agent!r}", error) from error
        self._known[agent] = folder
        return folder

    def _make(self, path: str) -> None:
        # Another process may be as far, and the agent's code may have put anything there.
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)  # noqa: PTH102 - a name: thousands of agents may begin at once
            if self._gives:
                os.chown(path, self._owner, self._owner, follow_symlinks=False)


def _cannot_be_made(what: str, error: OSError) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"{what} cannot be made: {error}", hint="let whoever runs Underpass write there, and make room"
    )
