"""No isolation: the same guest in an ordinary process. For trusted development only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.lease import Channel
from underpass.sandbox.own_process import OwnProcess, refuse_windows
from underpass.workspace.folders import AgentFolders

_SCRIPT: Final = Path(__file__).parents[1] / "guest" / "alone.py"


class NoSandbox:
    """Starts an interpreter for each run. The program can do whatever its user can.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        max_frame: the largest frame a guest may send, in bytes.
    """

    label = "none"

    def __init__(self, workspaces: Path, *, max_frame: int) -> None:
        refuse_windows(self.label)
        self._folders = AgentFolders(workspaces, owner=os.geteuid())
        self._max_frame = max_frame

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> OwnProcess:
        """Start a process in ``agent``'s workspace, and wait until it is ready."""
        folder = self._folders.ensure(agent).resolve()
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220 - it returns once the process is forked
                [
                    *(sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), str(theirs.fileno())),
                    *(str(folder), *([str(environment.packages)] if environment else [])),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={"HOME": str(folder), "LANG": "C.UTF-8", "PATH": os.defpath},
            )
        lease = OwnProcess(process, Channel(ours, max_frame=self._max_frame))
        try:
            await lease.channel.receive()
            await lease.channel.send(agent.encode())
        except BaseException:
            lease.release()
            raise
        return lease
