"""The host's side of one Deno zygote: starting it, and asking it for processes and mounts."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import anyio

from underpass.errors import SandboxCrashed, SandboxUnavailable
from underpass.sandbox import cgroup
from underpass.sandbox.lease import Channel, ChannelClosed, Exit, FrameTooLarge, Lease
from underpass.sandbox.probe import hint_for
from underpass.sandbox.user import INSIDE, map_user

_SCRIPT: Final = Path(__file__).with_name("deno_zygote.py")
_MESSAGE: Final = 65_536
_END_TIMEOUT: Final = 5.0
"""Seconds for a zygote to end by itself before it is killed."""


async def wait_until_ready(lease: Lease) -> None:
    """Wait until a guest of Deno's can run a program. Raises ``SandboxUnavailable`` where it never can."""
    try:
        await lease.channel.receive()
    except (ChannelClosed, FrameTooLarge, SandboxCrashed) as error:
        how = (await lease.ended()).describe()
        reason = f"Deno did not start in the sandbox: it ended with {how}"
        raise SandboxUnavailable(reason, hint="see `underpass doctor`", sandbox="deno") from error


class DenoProcess:
    """One Deno process, warming up, waiting for its lease, or at work."""

    def __init__(self, process: int, channel: Channel, zygote: DenoZygote) -> None:
        self.process = process
        self.channel = channel
        self._zygote = zygote
        self._exit: Exit | None = None
        self._ended = anyio.Event()
        self._changed = anyio.Event()
        self.attached = False

    async def attach(self, agent: str) -> bool:
        """Give it the workspace of ``agent``; returns whether it still lives."""
        self._zygote.attach(self, agent)
        while not self.attached and self._exit is None:
            await self._changed.wait()
        return self.attached

    @property
    def is_alive(self) -> bool:
        """Whether its end is not known."""
        return self._exit is None

    async def ended(self) -> Exit:
        """Wait for the end of the process."""
        await self._ended.wait()
        assert self._exit is not None
        return self._exit

    def note_attached(self) -> None:
        """Note that the workspace is there."""
        self.attached = True
        self._changed.set()

    def end(self, how: Exit) -> None:
        """Note that the process has ended."""
        self._exit = how
        self._ended.set()
        self._changed.set()

    def limit_file_size(self, size: int) -> None:
        """Let no file that it writes grow beyond ``size`` bytes from now on."""
        with suppress(OSError):
            _, most = resource.prlimit(self.process, resource.RLIMIT_FSIZE)
            resource.prlimit(self.process, resource.RLIMIT_FSIZE, (min(size, most), most))

    def kill(self) -> None:
        """End the process; its channel closes by that."""
        if self._exit is None:
            self._zygote.kill(self)

    def release(self) -> None:
        """End the process, whatever it is doing, without waiting."""
        self.channel.close()
        self.kill()


class DenoZygote:
    """One zygote, from its start to its end; ``failure`` says why it is of no more use.

    Parameters:
        settings: the zygote's, as ``deno_zygote`` reads them.
        owner: the user of the host that the sandboxes are.
        limits: how to tell which limit ended a process.
        on_exit: called when a process has ended.
    """

    def __init__(
        self, settings: dict[str, Any], owner: int, *, max_frame: int, on_exit: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._max_frame = max_frame
        self._on_exit = on_exit
        self._owner = owner
        self.failure: SandboxUnavailable | None = None
        self.processes: dict[int, DenoProcess] = {}
        self._unborn: deque[_Birth] = deque()
        self._order: dict[str, Any] = _no_order()
        self._ordered = anyio.Event()
        self.was_ready = False
        self._gone = anyio.Event()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={},
                cwd="/",
                # A Ctrl-C in the terminal is for us; we end the zygote ourselves.
                start_new_session=True,
                extra_groups=[] if os.geteuid() == 0 else None,
            )
        self._group = cgroup.create(self._process.pid)
        self._control.setblocking(False)
        self._control.send(json.dumps({**settings, "user": INSIDE}).encode())

    async def serve(self) -> None:
        """Talk with the zygote until it ends; then nothing of it is left."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send_orders)
                while message := await self._receive():
                    self._handle(message)
                tasks.cancel_scope.cancel()
        finally:
            self._fail(self._ended())
            self._control.close()
            # It ends when its control socket does, and ends and reaps its children before.
            with anyio.CancelScope(shield=True), anyio.move_on_after(_END_TIMEOUT):
                await anyio.to_thread.run_sync(self._process.wait)
            self._process.kill()
            self._process.wait()
            self._errors.close()
            if self._group is not None:
                self._group.remove()
            self._gone.set()

    async def fork(self) -> DenoProcess:
        """Start one more Deno. Raises ``SandboxUnavailable``."""
        if self.failure is not None:
            raise self.failure
        birth = _Birth()
        self._unborn.append(birth)
        self._order["fork"] += 1
        self._ordered.set()
        try:
            await birth.came.wait()
        except BaseException:
            birth.unwanted = True
            if birth.process is not None:
                birth.process.release()
            raise
        if birth.process is None:
            raise self.failure or SandboxUnavailable("the sandbox is closed", sandbox="deno")
        return birth.process

    def attach(self, process: DenoProcess, agent: str) -> None:
        """Have the agent's workspace mounted into the process's file system."""
        self._order["attach"].append((process.process, agent))
        self._ordered.set()

    def kill(self, process: DenoProcess) -> None:
        """End one process."""
        self._order["kill"].append(process.process)
        self._ordered.set()

    @property
    def has_control_group(self) -> bool:
        """Whether all processes together are bounded by a control group."""
        return self._group is not None

    async def close(self) -> None:
        """End the zygote and every process of it; none is left when this returns."""
        self._fail(SandboxUnavailable("the sandbox is closed", sandbox="deno"))
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        with anyio.CancelScope(shield=True):
            await self._gone.wait()

    async def _send_orders(self) -> None:
        while True:
            await self._ordered.wait()
            if not self.was_ready:
                self._ordered = anyio.Event()
                continue
            self._ordered = anyio.Event()
            order, self._order = self._order, _no_order()
            message = json.dumps(order).encode()
            while True:
                try:
                    self._control.send(message)
                except BlockingIOError:
                    await anyio.wait_writable(self._control)
                except OSError:
                    return  # it has ended; whoever reads from it finds out and says why
                else:
                    break

    async def _receive(self) -> dict[str, Any] | None:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE, 1)
            except BlockingIOError:
                await anyio.wait_readable(self._control)
                continue
            except OSError:
                return None
            if not data:
                return None
            message: dict[str, Any] = json.loads(data)
            if descriptors:
                message["socket"] = socket.socket(fileno=descriptors[0])
            return message

    def _handle(self, message: dict[str, Any]) -> None:
        match message["op"]:
            case "child":
                self._born(message["pid"], Channel(message["socket"], max_frame=self._max_frame))
            case "attached":
                if process := self.processes.get(message["pid"]):
                    process.note_attached()
            case "exit":
                if process := self.processes.pop(message["pid"], None):
                    process.end(self._exit(message))
                    self._on_exit()
            case "unshared":
                try:
                    map_user(self._process.pid, self._owner)
                except OSError as error:
                    reason = f"no user can be mapped into the sandbox: {error}"
                    self._fail(SandboxUnavailable(reason, hint=hint_for(reason), sandbox="deno"))
                    return
                self._control.send(b'{"op": "mapped"}')
            case "failed":
                reason = message["reason"]
                self._fail(SandboxUnavailable(reason, hint=hint_for(reason), sandbox="deno"))
            case _:  # "ready"
                self.was_ready = True
                self._ordered.set()

    def _born(self, number: int, channel: Channel) -> None:
        process = self.processes[number] = DenoProcess(number, channel, self)
        birth = self._unborn.popleft()
        birth.process = process
        birth.came.set()
        if birth.unwanted:
            process.release()

    def _exit(self, message: dict[str, Any]) -> Exit:
        """Say how a process ended, and of which limit."""
        status = os.waitstatus_to_exitcode(message["status"])
        cpu, peak = message["cpu"], message["peak"]
        limit: tuple[str, int] | None = None
        if status == -9 and cpu >= self._settings["cpu_seconds"] * _NEARLY:
            limit = ("run.cpu_seconds", self._settings["cpu_seconds"])
        elif status < 0 and status != -9 and peak >= self._settings["memory_mb"] * _MOST:
            # V8 ends the process by a trap or an illegal access when it gets no more memory.
            limit = ("run.memory_mb", self._settings["memory_mb"])
        return Exit(status, cpu, limit)

    def _fail(self, failure: SandboxUnavailable) -> None:
        """Note that this zygote is of no more use, and that its processes have ended with it."""
        if self.failure is None:
            self.failure = failure
        for process in self.processes.values():
            process.end(Exit(-9))
        self.processes.clear()
        while self._unborn:
            self._unborn.popleft().came.set()

    def _ended(self) -> SandboxUnavailable:
        tail = ""
        if not self._errors.closed:
            self._errors.seek(0)
            tail = self._errors.read()[-4_096:].decode(errors="replace")
        return SandboxUnavailable(
            "the zygote of Deno ended", hint="see `underpass doctor`", sandbox="deno", stderr=tail
        )


_NEARLY: Final = 0.7
"""The kernel ends a process by counting ticks, and reports its processor time measured: they differ."""
_MOST: Final = 1_048_576 // 2
"""Bytes of memory in use, for each MiB of the limit, from which its end is put down to the limit."""


class _Birth:
    """A process that was asked for."""

    def __init__(self) -> None:
        self.came = anyio.Event()
        self.process: DenoProcess | None = None
        self.unwanted = False


def _no_order() -> dict[str, Any]:
    return {"fork": 0, "kill": [], "attach": []}
