"""The host's handle of one zygote: children that wait, orders for more, and ends."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any, ClassVar, Final

import anyio
from anyio.abc import TaskGroup

from underpass.errors import SandboxUnavailable
from underpass.sandbox import user
from underpass.sandbox.child_process import ChildProcess
from underpass.sandbox.control import Control
from underpass.sandbox.lease import Channel, Exit
from underpass.sandbox.line import Line
from underpass.sandbox.probe import hint_for

_KILLED_AT_ONCE: Final = 1_000
"""Process ids in one order; a thousand fit into a message."""
_FORK_ATTEMPTS: Final = 100
"""Failed forks in a row, 20 ms apart, after which a zygote is given up."""
_LAST_MOMENT: Final = 0.1
"""Seconds that a guest has to end by itself, once it has said its last word."""


class ZygoteProcess:
    """One zygote, from its start to its end; ``failure`` says why it is of no more use.

    Parameters:
        settings: what the zygote is told first.
        owner: the user of the host that its sandboxes are.
        idle: how many children should wait.
        max_frame: the largest frame a guest may send, in bytes.
        on_exit: called when a child has ended.
    """

    script: ClassVar[Path] = Path(__file__).with_name("python_zygote.py")
    label: ClassVar[dict[str, str]] = {}
    """What errors say besides the reason."""

    def __init__(
        self,
        settings: dict[str, Any],
        owner: int,
        *,
        idle: int,
        max_frame: int,
        on_exit: Callable[[], None],
    ) -> None:
        self._max_frame = max_frame
        self._wanted = idle
        self._on_exit = on_exit
        self.idle: deque[ChildProcess] = deque()
        self.asked: int = 0
        """Children asked for that cannot be leased yet."""
        self.failure: SandboxUnavailable | None = None
        self.was_ready = False
        self.died = False
        """Whether it ended by itself, after it had been ready."""
        self.refused = ""
        """Why it has no namespaces, where it has none."""
        self._folder: str | None = None
        """Where its children's temporary files are, where they have no mounts of their own."""
        self._unforked = 0
        """Forks that failed since the last that did not."""
        self._to_fork = 0
        self._to_kill: list[int] = []
        self._ending: dict[ChildProcess, float] = {}
        """Children that should end by themselves, and by when."""
        self._some_ending = anyio.Event()
        self.forked = 0
        """Children that it has forked in all."""
        self.successor: ZygoteProcess | None = None
        self.leased_at = self._started_at = time.monotonic()
        self._retired = False
        self._children: dict[int, ChildProcess] = {}
        self._callers: Line[ChildProcess | SandboxUnavailable | None] = Line()
        """Who waits for a child; None tells them to look for themselves."""
        self._gone = anyio.Event()
        self._control = Control(self.script, owner)
        self._send({**settings, "user": user.INSIDE, "owner": owner})

    async def serve(self) -> None:
        """Read what the zygote says until it ends; then nothing of it is left."""
        try:
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._end_the_late)
                while message := await self._control.receive():
                    self._handle(message)
                    self._flush()
                self._tasks.cancel_scope.cancel()
        finally:
            self._note_end()
            await self._control.end()
            if self._folder is not None:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(rmtree, self._folder, True)
            self._gone.set()

    _tasks: TaskGroup

    async def child(self, agent: str) -> ChildProcess | None:  # noqa: ARG002 - a child asks for it itself
        """Return a waiting child for ``agent``, forked if none waits; None where another zygote has to.

        Raises ``SandboxUnavailable``.
        """
        while True:
            if self._retired:
                return None
            if self.failure is not None:
                raise self.failure
            if self.idle:
                return self.idle.popleft()
            if not self.asked:
                self._fork(1)
            told = await self._callers.wait(unwanted=self._offer)
            if isinstance(told, SandboxUnavailable):
                raise told
            if told is not None:
                return told

    def replenish(self) -> None:
        """Ask for as many children as are missing now."""
        if not self._retired and self.failure is None and (count := self._missing()) > 0:
            self._fork(count)

    def _missing(self) -> int:
        """How many more should wait, once half of them are gone."""
        # Who waits already is served with fewer, larger orders.
        wanted = self._wanted + min(self.waited_for, self._wanted)
        have = len(self.idle) + self.asked
        return wanted - have if have <= wanted // 2 else 0

    def _fork(self, count: int) -> None:
        self.asked += count
        self._to_fork += count
        self._flush()

    def kill(self, child: ChildProcess) -> None:
        """End one child."""
        self._to_kill.append(child.process)
        self._flush()

    def expect_end(self, child: ChildProcess) -> None:
        """End one child, unless it ends by itself in a moment."""
        self._ending[child] = time.monotonic() + _LAST_MOMENT
        self._some_ending.set()

    async def _end_the_late(self) -> None:
        while True:
            await self._some_ending.wait()
            await anyio.sleep(_LAST_MOMENT)
            now = time.monotonic()
            late = [child for child, until in self._ending.items() if until <= now]
            for child in late:
                del self._ending[child]
                self.kill(child)
            if not self._ending:
                self._some_ending = anyio.Event()

    @property
    def has_control_group(self) -> bool:
        """Whether all children together are bounded by a control group."""
        return self._control.has_control_group

    @property
    def waited_for(self) -> int:
        """How many callers wait for a child."""
        return len(self._callers)

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started_at

    @property
    def at_work(self) -> int:
        """How many children there are, or will be, that do not wait for a lease."""
        return len(self._children) - len(self.idle) + len(self._callers)

    def retire(self) -> None:
        """Fork no more, and end when the last child at work has ended."""
        self._retired = True
        while self.idle:
            self.idle.pop().release()
        self._callers.tell_all(None)
        self._end_if_retired()

    def _end_if_retired(self) -> None:
        if self._retired and not self._children:
            self._control.hang_up()

    async def close(self) -> None:
        """End the zygote and every child of it; none is left when this returns."""
        self._fail("the sandbox is closed", hint="")
        self._control.hang_up()
        with anyio.CancelScope(shield=True):
            await self._gone.wait()

    def _handle(self, message: dict[str, Any]) -> None:
        match message["op"]:
            case "children":
                for process, descriptor in zip(message["pids"], message["sockets"], strict=True):
                    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor)
                    channel = Channel(end, max_frame=self._max_frame)
                    child = self._children[process] = ChildProcess(process, channel, self)
                    self.forked += 1
                    self._unforked = 0
                    self._welcome(child)
            case "exits":
                for process, status, cpu, peak in message["ended"]:
                    self._bury(process, self._exit(os.waitstatus_to_exitcode(status), cpu, peak))
            case "unshared":
                try:
                    self._control.map_user()
                except OSError as error:
                    self._fail(f"no user can be mapped into the sandbox: {error}")
                    return
                self._send({"op": "mapped"})
            case "unforked":
                self.asked -= message["count"]
                self._unforked += 1
                if self._unforked >= _FORK_ATTEMPTS:
                    self._fail(message["reason"], hint="fewer runs at once may help")
                elif not self.asked:
                    self._callers.tell(None)
            case "failed":
                self._fail(message["reason"])
            case _:  # "ready"
                self.was_ready = True
                self.refused = message.get("refused", "")
                self._folder = message.get("folder")

    def _welcome(self, child: ChildProcess) -> None:
        """Take in a child that was just forked."""
        self.asked -= 1
        self._offer(child)

    def _bury(self, process: int, how: Exit) -> None:
        """Note the end of one child."""
        if child := self._children.pop(process, None):
            self._ending.pop(child, None)
            if child in self.idle:
                # Killed while it waited: by a person, or by the kernel for want of memory.
                self.idle.remove(child)
                child.channel.close()
            child.end(how)
            self._on_exit()
            self._end_if_retired()

    def _exit(self, status: int, cpu: float, peak: int) -> Exit:  # noqa: ARG002 - for other kinds
        """Say how a process ended that has used so many seconds and bytes."""
        return Exit(status, cpu)

    def _offer(self, child: ChildProcess | SandboxUnavailable | None) -> None:
        """Give a child to who waits for one, or keep it for who comes."""
        if not isinstance(child, ChildProcess):
            self._callers.tell(child)
        elif self._retired or self.failure is not None:
            child.release()
        elif not self._callers.tell(child):
            self.idle.append(child)

    def _flush(self) -> None:
        """Send the orders that wait. While the zygote is too busy to take more, they gather.

        It answers each order, and with each of its answers we try again.
        """
        if not self.was_ready or not (self._to_fork or self._to_kill):
            return
        if self._send({"fork": self._to_fork, "kill": self._to_kill[:_KILLED_AT_ONCE]}):
            self._to_fork = 0
            del self._to_kill[:_KILLED_AT_ONCE]

    def _send(self, message: dict[str, Any]) -> bool:
        """Send one message; returns whether there was room for it."""
        try:
            return self._control.send(message)
        except OSError:
            self._note_end()
        return True

    def _note_end(self) -> None:
        if self.failure is None:
            self.died = self.was_ready
            self._fail("the zygote ended", hint="see `underpass doctor`", stderr=self._control.errors())
        else:
            self._fail("")

    def _fail(self, reason: str, *, hint: str | None = None, **data: str) -> None:
        """Note that this zygote is of no more use, and that its children have ended with it."""
        if self.failure is None:
            hint = hint_for(reason) if hint is None else hint
            self.failure = SandboxUnavailable(reason, hint=hint, **data, **self.label)
        for child in self._children.values():
            child.end(Exit(-9))
        for child in self.idle:
            child.channel.close()
        self._children.clear()
        self._ending.clear()
        self.idle.clear()
        self._callers.tell_all(None)
