"""The host's handle of one forked sandbox."""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from underpass.errors import SandboxCrashed
from underpass.sandbox.lease import Channel, Exit

if TYPE_CHECKING:
    from underpass.sandbox.zygote_process import ZygoteProcess


class ChildProcess:
    """One forked sandbox, waiting for its lease or at work."""

    dies_with_host = True

    def __init__(self, process: int, channel: Channel, zygote: ZygoteProcess) -> None:
        self.process = process
        self.channel = channel
        self.zygote = zygote
        self._exit: Exit | None = None
        self._news: anyio.Event | None = None
        """Made for who waits: most ends nobody waits for."""

    @property
    def has_ended(self) -> bool:
        """Whether its end is known."""
        return self._exit is not None

    async def announce(self, agent: str) -> None:
        """Tell the guest whose it is. One that has ended hears nothing; its program will find that out."""
        with suppress(SandboxCrashed):
            await self.channel.send(agent.encode())

    async def ended(self) -> Exit:
        """Wait for the end of the child's process."""
        while self._exit is None:
            await self.news()
        return self._exit

    async def news(self) -> None:
        """Wait for the next ``note`` or ``end``."""
        self._news = self._news or anyio.Event()
        await self._news.wait()

    def note(self) -> None:
        """Wake whoever waits for news."""
        if self._news is not None:
            self._news.set()
            self._news = None

    def end(self, how: Exit) -> None:
        """Note that the process has ended."""
        self._exit = how
        self.note()

    def limit_file_size(self, size: int) -> None:
        """Let no file grow beyond ``size`` bytes; the zygote's own limit stays the highest there is."""
        with suppress(OSError):
            _, most = resource.prlimit(self.process, resource.RLIMIT_FSIZE)
            resource.prlimit(self.process, resource.RLIMIT_FSIZE, (min(size, most), most))

    def kill(self) -> None:
        """End the child, whatever it is doing; its channel closes by that."""
        if self._exit is None:
            self.zygote.kill(self)

    def release(self) -> None:
        """End the child, whatever it is doing, without waiting.

        One that has said its last word ends by itself; an order to kill it would only make work.
        """
        self.channel.close()
        # After the run and not during it: a fork takes a processor, and there may be only two.
        self.zygote.replenish()
        if self._exit is not None:
            return
        if self.channel.finished:
            self.zygote.expect_end(self)
        else:
            self.zygote.kill(self)
