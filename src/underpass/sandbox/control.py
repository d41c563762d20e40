"""The host's end of a zygote: its process, and the socket on which the two talk."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import anyio
import orjson

from underpass.sandbox import cgroup, user

_MESSAGE: Final = 65_536
_DESCRIPTORS: Final = socket.CMSG_SPACE(4 * 64)
"""Room for more descriptors beside a message than there ever are."""
_END_TIMEOUT: Final = 5.0
"""Seconds for a zygote to end by itself before it is killed."""


class Control:
    """Starts the process of a zygote, and passes messages; what they mean is for others to know.

    Parameters:
        script: the zygote's.
        owner: the user of the host that its sandboxes are.
    """

    def __init__(self, script: Path, owner: int) -> None:
        self._owner = owner
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", str(script), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                # The children would all look up the same functions of the C library, each for itself.
                env={"LD_BIND_NOW": "1"},
                cwd="/",
                # A Ctrl-C in the terminal is for us; we end the zygote ourselves.
                start_new_session=True,
                extra_groups=[] if os.geteuid() == 0 else None,
            )
        self._group = cgroup.create(self._process.pid)
        self._socket.setblocking(False)

    @property
    def has_control_group(self) -> bool:
        """Whether the zygote and all its children together are bounded by a control group."""
        return self._group is not None

    def send(self, message: dict[str, Any]) -> bool:
        """Send one message; returns whether there was room. Raises ``OSError`` where the zygote has ended."""
        try:
            self._socket.send(orjson.dumps(message))
        except BlockingIOError:
            return False
        return True

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message, with the numbers of descriptors as ``sockets``; None at the end."""
        while True:
            try:
                data, extra, _, _ = self._socket.recvmsg(_MESSAGE, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
                continue
            except OSError:
                return None
            if not data:
                return None
            message: dict[str, Any] = orjson.loads(data)
            for _, _, rights in extra:
                message["sockets"] = memoryview(rights).cast("i").tolist()
            return message

    def map_user(self) -> None:
        """Make the owner the user inside the zygote's namespace. Raises ``OSError``."""
        user.map_user(self._process.pid, self._owner)

    def errors(self) -> str:
        """Return the end of what the zygote wrote before it was ready."""
        if self._errors.closed:
            return ""
        self._errors.seek(0)
        return self._errors.read()[-4_096:].decode(errors="replace")

    def hang_up(self) -> None:
        """Close both directions of the socket; the zygote ends, and ``receive`` returns None."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    async def end(self) -> None:
        """Wait for the zygote's end, and bring it about; then nothing of it is left."""
        self._socket.close()
        # It ends when its control socket does, and ends and reaps its children before.
        with anyio.CancelScope(shield=True), anyio.move_on_after(_END_TIMEOUT):
            await anyio.to_thread.run_sync(self._process.wait)
        self._process.kill()
        self._process.wait()
        self._errors.close()
        if self._group is not None:
            self._group.remove()
