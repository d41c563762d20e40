"""The host's side of one zygote: starting it, and asking it for children."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

import anyio
import orjson

from underpass.errors import SandboxUnavailable
from underpass.sandbox import cgroup
from underpass.sandbox.lease import Channel, Exit
from underpass.sandbox.line import Line
from underpass.sandbox.probe import hint_for
from underpass.sandbox.user import INSIDE, map_user

_SCRIPT: Final = Path(__file__).with_name("zygote.py")
_MESSAGE: Final = 65_536
_DESCRIPTOR: Final = socket.CMSG_SPACE(4)
"""Room for one descriptor beside a message."""
_KILLED_AT_ONCE: Final = 1_000
"""Process ids in one order; a thousand fit into a message."""
_FORK_ATTEMPTS: Final = 100
"""Failed forks in a row, 20 ms apart, after which a zygote is given up."""
_LAST_MOMENT: Final = 0.1
"""Seconds that a guest has to end by itself, once it has said its last word."""
_END_TIMEOUT: Final = 5.0
"""Seconds for a zygote to end by itself before it is killed."""


class Child:
    """One forked sandbox, waiting for its lease or at work."""

    def __init__(self, process: int, channel: Channel, zygote: ZygoteProcess) -> None:
        self.process = process
        self.channel = channel
        self._zygote = zygote
        self._exit: Exit | None = None
        self._ended: anyio.Event | None = None
        """Made for who waits: most ends nobody waits for."""

    async def ended(self) -> Exit:
        """Wait for the end of the child's process."""
        while self._exit is None:
            self._ended = self._ended or anyio.Event()
            await self._ended.wait()
        return self._exit

    def end(self, how: Exit) -> None:
        """Note that the process has ended."""
        self._exit = how
        if self._ended is not None:
            self._ended.set()

    def limit_file_size(self, size: int) -> None:
        """Let no file grow beyond ``size`` bytes; the zygote's own limit stays the highest there is."""
        with suppress(OSError):
            _, most = resource.prlimit(self.process, resource.RLIMIT_FSIZE)
            resource.prlimit(self.process, resource.RLIMIT_FSIZE, (min(size, most), most))

    def kill(self) -> None:
        """End the child, whatever it is doing; its channel closes by that."""
        if self._exit is None:
            self._zygote.kill(self)

    def release(self) -> None:
        """End the child, whatever it is doing, without waiting.

        One that has said its last word ends by itself; an order to kill it would only make work.
        """
        self.channel.close()
        # After the run and not during it: a fork takes a processor, and there may be only two.
        self._zygote.replenish()
        if self._exit is not None:
            return
        if self.channel.finished:
            self._zygote.expect_end(self)
        else:
            self._zygote.kill(self)


class ZygoteProcess:
    """One zygote, from its start to its end; ``failure`` says why it is of no more use."""

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
        self.idle: deque[Child] = deque()
        self.asked = 0
        """Children asked for that have not come yet."""
        self.failure: SandboxUnavailable | None = None
        self.was_ready = False
        self.refused = ""
        """Why it has no namespaces, where it has none."""
        self._folder: str | None = None
        """Where its children's temporary files are, where they have no mounts of their own."""
        self._unforked = 0
        """Forks that failed since the last that did not."""
        self._to_fork = 0
        self._to_kill: list[int] = []
        self._ending: dict[Child, float] = {}
        """Children that should end by themselves, and by when."""
        self._some_ending = anyio.Event()
        self.forked = 0
        """Children that it has forked in all."""
        self.successor: ZygoteProcess | None = None
        self.leased_at = self._started_at = time.monotonic()
        self._retired = False
        self._children: dict[int, Child] = {}
        self._callers: Line[Child | None] = Line()
        """Who waits for a child; None tells them to look for themselves."""
        self._gone = anyio.Event()
        self._owner = owner
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), str(theirs.fileno())],
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
        self._control.setblocking(False)
        self._send({**settings, "user": INSIDE, "owner": owner})

    async def serve(self) -> None:
        """Read what the zygote says until it ends; then nothing of it is left."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._end_the_late)
                while message := await self._receive():
                    self._handle(message)
                    self._flush()
                tasks.cancel_scope.cancel()
        finally:
            self._fail(self._ended())
            self._control.close()
            # It ends when its control socket does, and ends and reaps its children before.
            with anyio.CancelScope(shield=True), anyio.move_on_after(_END_TIMEOUT):
                await anyio.to_thread.run_sync(self._process.wait)
            self._process.kill()
            self._process.wait()
            if self._folder is not None:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(rmtree, self._folder, True)
            self._errors.close()
            if self._group is not None:
                self._group.remove()
            self._gone.set()

    async def child(self) -> Child | None:
        """Return a waiting child, forked if none waits; None once retired. Raises ``SandboxUnavailable``."""
        while True:
            if self._retired:
                return None
            if self.failure is not None:
                raise self.failure
            if self.idle:
                return self.idle.popleft()
            if not self.asked:
                self._fork(1)
            if child := await self._callers.wait(unwanted=self._offer):
                return child

    def replenish(self) -> None:
        """Ask for as many children as should wait, when half of them are gone."""
        # Who waits already is served with fewer, larger orders.
        wanted = self._wanted + min(self.waited_for, self._wanted)
        have = len(self.idle) + self.asked
        if have <= wanted // 2 and not self._retired and self.failure is None:
            self._fork(wanted - have)

    def _fork(self, count: int) -> None:
        self.asked += count
        self._to_fork += count
        self._flush()

    def kill(self, child: Child) -> None:
        """End one child."""
        self._to_kill.append(child.process)
        self._flush()

    def expect_end(self, child: Child) -> None:
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
        return self._group is not None

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
            self._hang_up()

    def _hang_up(self) -> None:
        """Close both directions of the control socket; the zygote ends, and ``serve`` sees it."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """End the zygote and every child of it; none is left when this returns."""
        self._fail(SandboxUnavailable("the sandbox is closed"))
        self._hang_up()
        with anyio.CancelScope(shield=True):
            await self._gone.wait()

    async def _receive(self) -> dict[str, Any] | None:
        while True:
            try:
                data, extra, _, _ = self._control.recvmsg(_MESSAGE, _DESCRIPTOR, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                await anyio.wait_readable(self._control)
                continue
            except OSError:
                return None
            if not data:
                return None
            message: dict[str, Any] = orjson.loads(data)
            for _, _, descriptor in extra:
                message["socket"] = int.from_bytes(descriptor, sys.byteorder)
            return message

    def _handle(self, message: dict[str, Any]) -> None:
        match message["op"]:
            case "child":
                self.asked -= 1
                end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, message["socket"])
                channel = Channel(end, max_frame=self._max_frame)
                child = Child(message["pid"], channel, self)
                self._children[child.process] = child
                self.forked += 1
                self._unforked = 0
                self._offer(child)
            case "exit":
                if child := self._children.pop(message["pid"], None):
                    self._ending.pop(child, None)
                    child.end(Exit(os.waitstatus_to_exitcode(message["status"]), message["cpu"]))
                    self._on_exit()
                    self._end_if_retired()
            case "unshared":
                try:
                    map_user(self._process.pid, self._owner)
                except OSError as error:
                    reason = f"no user can be mapped into the sandbox: {error}"
                    self._fail(SandboxUnavailable(reason, hint=hint_for(reason)))
                    return
                self._send({"op": "mapped"})
            case "unforked":
                self.asked -= 1
                self._unforked += 1
                if self._unforked >= _FORK_ATTEMPTS:
                    self._fail(SandboxUnavailable(message["reason"], hint="fewer runs at once may help"))
                elif not self.asked:
                    self._callers.tell(None)
            case "failed":
                self._fail(SandboxUnavailable(message["reason"], hint=hint_for(message["reason"])))
            case _:  # "ready"
                self.was_ready = True
                self.refused = message.get("refused", "")
                self._folder = message.get("folder")

    def _offer(self, child: Child | None) -> None:
        """Give a child to who waits for one, or keep it for who comes."""
        if child is None:
            self._callers.tell(None)
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
            self._control.send(orjson.dumps(message))
        except BlockingIOError:
            return False
        except OSError:
            self._fail(self._ended())
        return True

    def _fail(self, failure: SandboxUnavailable) -> None:
        """Note that this zygote is of no more use, and that its children have ended with it."""
        if self.failure is None:
            self.failure = failure
        for child in self._children.values():
            child.end(Exit(-9))
        for child in self.idle:
            child.channel.close()
        self._children.clear()
        self._ending.clear()
        self.idle.clear()
        self._callers.tell_all(None)

    def _ended(self) -> SandboxUnavailable:
        tail = ""
        if not self._errors.closed:
            self._errors.seek(0)
            tail = self._errors.read()[-4_096:].decode(errors="replace")
        return SandboxUnavailable("the zygote ended", hint="see `underpass doctor`", stderr=tail)
