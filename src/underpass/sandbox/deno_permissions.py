"""TypeScript where the kernel builds no walls: a Deno process for each run, held by its own permissions.

They are checked by Deno itself, in the process that they hold. Its results say ``deno-permissions``.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import anyio.to_thread

from underpass.sandbox import deno_binary, deno_guest
from underpass.sandbox.deno_zygote_process import wait_until_ready
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.lease import Channel
from underpass.sandbox.own_process import OwnProcess, refuse_windows
from underpass.workspace.folders import AgentFolders


class DenoPermissions:
    """Starts Deno for each run. It may read its modules, and read and write the agent's workspace.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        modules: the folder of generated modules.
        memory_mb: the limit of the program's heap; buffers are not counted.
        max_frame: the largest frame a guest may send, in bytes.
    """

    label = "deno-permissions"

    def __init__(self, workspaces: Path, modules: Path, *, memory_mb: int, max_frame: int) -> None:
        self._workspaces = workspaces.absolute()
        self._modules = modules.absolute()
        self._memory_mb = memory_mb
        self._max_frame = max_frame

    @property
    def modules_address(self) -> str:
        """Where programs see the folder of generated modules."""
        return self._modules.as_uri()

    def workspace_address(self, agent: str) -> str:
        """Where programs see the agent's workspace."""
        return (self._workspaces / agent).as_uri()

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> OwnProcess:
        """Start Deno in ``agent``'s workspace, and wait until it is ready.

        Raises:
            SandboxUnavailable: Deno is not installed, or does not start.
            ValidationFailed: ``agent`` is no name, or there is an ``environment``: those are Python's.
        """
        deno_binary.refuse(environment)
        refuse_windows(self.label)
        folder = str(AgentFolders(self._workspaces, owner=os.geteuid()).ensure(agent))
        binary = deno_binary.find()
        guest = await anyio.to_thread.run_sync(deno_guest.compiled, self._modules.parent, binary)
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220 - it returns once the process is forked
                deno_binary.arguments(
                    guest=str(guest),
                    main=deno_guest.main(guest),
                    workspace=folder,
                    readable=(str(self._modules),),
                    writable=(folder,),
                    memory_mb=self._memory_mb,
                ),
                executable=binary,
                cwd=folder,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=deno_binary.environment(folder, str(self._modules.parent / "deno")),
            )
        lease = OwnProcess(process, Channel(ours, max_frame=self._max_frame))
        try:
            await wait_until_ready(lease)
            await lease.channel.send(agent.encode())
        except BaseException:
            lease.release()
            raise
        return lease
