"""Files in results of calls that no run has made."""

from __future__ import annotations

import secrets
from pathlib import Path

from underpass.workspace.folders import AgentFolders
from underpass.workspace.results import ResultBlobs


class OutsideBlobs:
    """Keeps the files of one call's result in an agent's workspace, and gives their whole path.

    Parameters:
        root: the folder of all workspaces.
        owner: the user that the agents' code runs as.
        agent: whose workspace.
    """

    def __init__(self, root: Path, *, owner: int, agent: str) -> None:
        self._root = root
        self._owner = owner
        self._agent = agent

    async def put(self, data: bytes, mime_type: str) -> str:
        """Write ``data``; returns its absolute path, since the caller may be in any folder."""
        folder = AgentFolders(self._root, owner=self._owner).ensure(self._agent)
        name = f"call-{secrets.token_hex(8)}"
        return str(folder.absolute() / await ResultBlobs(folder, name).put(data, mime_type))
