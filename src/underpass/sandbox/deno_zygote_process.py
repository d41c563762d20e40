"""The host's handle of Deno's zygote: its children warm up before they wait, and are given a workspace."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any, ClassVar, Final

import anyio

from underpass.errors import SandboxCrashed, SandboxUnavailable
from underpass.sandbox.child_process import ChildProcess
from underpass.sandbox.lease import ChannelClosed, Exit, FrameTooLarge, Lease
from underpass.sandbox.zygote_process import ZygoteProcess

_NEARLY: Final = 0.7
"""The kernel ends a process by counting ticks, and reports its processor time measured: they differ."""
_MOST: Final = 1_048_576 // 2
"""Bytes of memory in use, for each MiB of the limit, from which its end is put down to the limit."""
_LONGEST_START: Final = 60.0
"""Seconds in which a child is warm; one that hangs would keep its place, and whoever waits, for ever."""


async def wait_until_ready(lease: Lease) -> None:
    """Wait until a guest of Deno's can run a program. Raises ``SandboxUnavailable`` where it never can."""
    try:
        await lease.channel.receive()
    except (ChannelClosed, FrameTooLarge, SandboxCrashed) as error:
        how = (await lease.ended()).describe()
        reason = f"Deno did not start in the sandbox: it ended with {how}"
        raise SandboxUnavailable(reason, hint="see `underpass doctor`", sandbox="deno") from error


class DenoZygoteProcess(ZygoteProcess):
    """One zygote of Deno's."""

    script: ClassVar[Path] = Path(__file__).with_name("deno_zygote.py")
    label: ClassVar[dict[str, str]] = {"sandbox": "deno"}

    def __init__(self, settings: dict[str, Any], owner: int, **options: Any) -> None:
        super().__init__(settings, owner, **options)
        self._cpu_seconds: int = settings["cpu_seconds"]
        self._memory_mb: int = settings["memory_mb"]
        # Starting is work for a processor: more at once would only take longer each.
        self._max_starting = 2 * (os.cpu_count() or 1)
        self._warming = 0
        self.has_template = False
        """Whether children are forked from a warm process by now."""
        self.templates = 0
        """How many such processes there have been, one after the other."""
        self._to_attach: deque[tuple[int, str]] = deque()
        self._attached: dict[int, bool] = {}
        """The children whose workspace is asked for, and whether it is there."""

    async def child(self, agent: str) -> ChildProcess | None:
        """Return a warm process in ``agent``'s workspace; None where another zygote has to."""
        most = min(self._wanted + self.waited_for + 1, self._max_starting)
        if not self.idle and self.asked < most and self.failure is None:
            self._fork(1)
        try:
            while child := await super().child(agent):
                try:
                    attached = await self._attach(child, agent)
                except BaseException:
                    child.release()
                    raise
                if attached:
                    return child
                # One that was killed while it waited, for its memory or by someone, is no use.
                child.release()
        except SandboxUnavailable:
            # A zygote that was well and has died has a successor; nobody need hear of it.
            if not self.died:
                raise
        return None

    async def _attach(self, child: ChildProcess, agent: str) -> bool:
        """Have the workspace mounted into the child's file system; returns whether it still lives."""
        if child.has_ended:
            # Its number may belong to another process by now.
            return False
        self._attached[child.process] = False
        self._to_attach.append((child.process, agent))
        self._flush()
        try:
            while not self._attached[child.process] and not child.has_ended:
                await child.news()
        finally:
            del self._attached[child.process]
        return not child.has_ended

    def expect_end(self, child: ChildProcess) -> None:
        """End one child at once: Deno takes its time to do so itself."""
        self.kill(child)

    def _missing(self) -> int:
        """How many more should wait: one for each that was taken, for a start takes long."""
        wanted = self._wanted + self.waited_for - len(self.idle) - self.asked
        return min(wanted, self._max_starting - self.asked)

    @property
    def at_work(self) -> int:
        """How many children there are, or will be, that neither warm up nor wait for a lease."""
        return super().at_work - self._warming

    def _welcome(self, child: ChildProcess) -> None:
        self._warming += 1
        self._tasks.start_soon(self._warm, child)

    async def _warm(self, child: ChildProcess) -> None:
        ready: ChildProcess | SandboxUnavailable | None = None
        try:
            with anyio.move_on_after(_LONGEST_START):
                await wait_until_ready(child)
                ready = child
        except SandboxUnavailable as failure:
            child.channel.close()
            ready = failure
        except BaseException:
            child.channel.close()
            raise
        finally:
            self._warming -= 1
            self.asked -= 1
        if ready is child:
            self._offer(child)
        elif ready is None or self.has_template:
            # Whoever waits asks again, and gets one that is started by itself.
            child.release()
            self._send({"op": "distrust"})
            self._callers.tell_all(None)
        else:
            self._callers.tell_all(ready)
        if self.waited_for:
            self.replenish()

    def _handle(self, message: dict[str, Any]) -> None:
        if message["op"] == "template":
            self.has_template = not message["refused"]
            self.templates += self.has_template
        elif message["op"] != "attached":
            super()._handle(message)
        elif message["pid"] in self._attached and (child := self._children.get(message["pid"])):
            self._attached[child.process] = True
            child.note()

    def _flush(self) -> None:
        while self._to_attach and self._send({"attach": self._to_attach[0]}):
            self._to_attach.popleft()
        super()._flush()

    def _exit(self, status: int, cpu: float, peak: int) -> Exit:
        """Say how a process ended, and of which limit."""
        limit: tuple[str, int] | None = None
        if status == -9 and cpu >= self._cpu_seconds * _NEARLY:
            limit = ("run.cpu_seconds", self._cpu_seconds)
        elif status < 0 and status != -9 and peak >= self._memory_mb * _MOST:
            # V8 ends the process by a trap or an illegal access when it gets no more memory.
            limit = ("run.memory_mb", self._memory_mb)
        return Exit(status, cpu, limit)
