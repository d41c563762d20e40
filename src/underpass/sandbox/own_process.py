"""A guest in an ordinary process of the host's, without the kernel's walls."""

from __future__ import annotations

import subprocess
import sys

import anyio.to_thread

from underpass.errors import SandboxUnavailable
from underpass.sandbox.lease import Channel, Exit


class OwnProcess:
    """One program's process."""

    dies_with_host = False

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel) -> None:
        self.channel = channel
        self._process = process

    @property
    def process(self) -> int:
        """Its number."""
        return self._process.pid

    async def ended(self) -> Exit:
        """Wait for the end of the process."""
        return Exit(await anyio.to_thread.run_sync(self._process.wait))

    def limit_file_size(self, size: int) -> None:
        """There is none: a program without the walls could lift it, and not every system has one."""

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()

    def release(self) -> None:
        """End the process, and close its channel."""
        self.channel.close()
        self._process.kill()
        self._process.wait()


def refuse_windows(sandbox: str) -> None:
    """Raise ``SandboxUnavailable`` where a process cannot inherit a channel."""
    if sys.platform == "win32":
        raise SandboxUnavailable(
            "programs cannot be run on Windows yet",
            hint="use the Windows Subsystem for Linux, which has the isolation, too",
            sandbox=sandbox,
        )
