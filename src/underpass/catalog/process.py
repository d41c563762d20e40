"""A server's process, its whole tree, and the end of both."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from mcp.client.stdio import get_default_environment

from underpass.catalog.stderr import Tail

EXIT_GRACE = 2.0
"""Seconds a server has to leave by itself after its standard input closed."""
KILL_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_POLL = 0.01
_FINAL_WORDS = 1.0


class ServerProcess:
    """A process in a group of its own, so that all of its descendants can be ended with it."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin: ByteSendStream = process.stdin
        self.stdout: ByteReceiveStream = process.stdout
        self._process = process
        self._stderr_ended = anyio.Event()

    @classmethod
    async def start(
        cls, command: str, args: Sequence[str], env: Mapping[str, str], cwd: Path | None
    ) -> ServerProcess:
        """Start the process. Raises ``OSError`` when there is no such command."""
        process = await anyio.open_process(
            [command, *args],
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**get_default_environment(), **env},
            cwd=cwd,
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def capture_stderr(self, tail: Tail) -> None:
        """Copy standard error into ``tail`` until it ends."""
        assert self._process.stderr is not None
        try:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                async for chunk in self._process.stderr:
                    tail.write(chunk)
        finally:
            self._stderr_ended.set()

    async def last_words(self) -> str:
        """Wait, not long, for the process to be gone and its stderr read; say how it ended."""
        with anyio.move_on_after(_FINAL_WORDS):
            await self._stderr_ended.wait()
            while self._process.returncode is None:  # noqa: ASYNC110 - nothing public tells of it
                await anyio.sleep(_POLL)
        status = self._process.returncode
        if status is None:
            return "closed its output"
        return f"ended with status {status}" if status >= 0 else f"was ended by {_signal_name(-status)}"

    async def stop(self, grace: float) -> None:
        """End the process and its descendants, gently first. Every wait is bounded."""
        with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self.stdin.aclose()
        await self._gone(grace)
        # The leader may have gone and left children behind.
        if self._signal(signal.SIGTERM):
            await self._gone(KILL_GRACE, group=True)
            self._signal(signal.SIGKILL)
            await self._gone(KILL_GRACE)
        for stream in (self.stdout, self._process.stderr):
            if stream is not None:
                with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await stream.aclose()
        # The loop's own handle of the process; nothing public closes it while a stranger holds a pipe.
        transport = getattr(getattr(self._process, "_process", None), "_transport", None)
        if transport is not None:
            transport.close()

    async def _gone(self, seconds: float, *, group: bool = False) -> None:
        with anyio.move_on_after(seconds):
            # Not wait(): it also waits for the pipes, which a grandchild may hold open.
            while self._process.returncode is None or (group and self._signal(0)):  # noqa: ASYNC110
                await anyio.sleep(_POLL)

    def _signal(self, number: int) -> bool:
        """Signal the whole group, and return whether there was any process in it."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
