"""A warm Deno that is forked: what a start costs is then paid once, and not for each program.

Deno cannot be forked as it comes. Four things make it possible:

- It has one thread. V8 makes none of its own with ``--single-threaded``, and those of the event loop end
  when they had nothing to do for ten seconds. Until then children are started one by one.
- Its guest makes the system call itself, through Deno's foreign functions, and gives up the permission for
  more of them. A child does the same with every step that puts it behind the walls.
- V8 asks the kernel to leave its heap out of forks. A small filter of system calls says that this was done.
- What a fork shares, and must not, is replaced in the child: the descriptors of the event loop, the channel,
  and the state of ``Math.random``.

Before a template is used, two of its children show that they get behind the walls, share no descriptor with
it, and do not draw the same random numbers. Where that fails, children are started as before.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

from underpass.sandbox import zygote
from underpass.sandbox.kernel import deno_root, seccomp, syscalls

RULESET: Final = 3
"""The rules of Landlock, in the template."""
_SOCKET: Final = 0
_SILENCE: Final = 5.0
"""Seconds without an answer from which a template is given up."""
_MORE: Final = 100
_LATER: Final = 60.0
"""Children, and seconds, after which another is tried where one could not take its place."""

_CALLS: Final = {
    "x86_64": {
        "clone": 56, "close": 3, "dup": 292, "end": 231, "event": 290, "pair": 53, "poll": 291,
        "receive": 47, "wait": 271, "watch": 233, "setsid": 112, "chdir": 80, "prlimit64": 302,
    },
    "aarch64": {
        "clone": 220, "close": 57, "dup": 24, "end": 94, "event": 19, "pair": 199, "poll": 20,
        "receive": 212, "wait": 73, "watch": 21, "setsid": 157, "chdir": 49, "prlimit64": 261,
    },
}  # fmt: skip
"""System calls beside those that ``syscalls`` knows, by the names that our guest has for them."""
_EVENT_DATA: Final = {"x86_64": 4, "aarch64": 8}
"""Where in ``struct epoll_event`` its data begin."""
_CLONE_PARENT: Final = 0x00008000
_CLONE_CHILD_SETTID: Final = 0x01000000
_CLONE_CHILD_CLEARTID: Final = 0x00200000
_CLONE: Final = (
    syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS | _CLONE_PARENT | _CLONE_CHILD_SETTID
    | _CLONE_CHILD_CLEARTID | signal.SIGCHLD
)  # fmt: skip
_MADVISE: Final = {"x86_64": 28, "aarch64": 233}
_MADV_DONTFORK: Final = 10

Step = Sequence[int | Mapping[str, str]]
"""The number of a system call and its arguments, as the guest reads them."""


def step(name: str, *arguments: int | bytes | Mapping[str, str]) -> Step:
    """Return one step of a child; bytes stand for their address."""
    number = _CALLS[syscalls.MACHINE].get(name)
    given = [
        {"bytes": base64.b64encode(each).decode()} if isinstance(each, bytes) else each for each in arguments
    ]
    return syscalls.number(name) if number is None else number, *given


def filtered(program: bytes) -> Step:
    """Return the step that puts a child under a filter."""
    return step("seccomp", seccomp.SET_MODE_FILTER, 0, {"filter": base64.b64encode(program).decode()})


class Unusable(Exception):
    """This template cannot be forked; the message says why."""


UNFIT: Final = (Unusable, OSError, ValueError, KeyError)
"""What a template raises that is of no use: it has ended, or does not say what is expected."""


class DenoTemplate:
    """One warm Deno, from its start to its end.

    Parameters:
        become: makes the process Deno; the template's guest finds its socket as its input and output.
        steps: what a child does before it serves.
        recycle_after: children after which another should take its place. All children of a template share
            its address layout and hash seed, so none should live for ever.
        recycle_age: seconds after which another should, however few it forked.
    """

    def __init__(
        self,
        become: Callable[[], object],
        steps: Sequence[Step],
        *,
        recycle_after: int,
        recycle_age: float,
    ) -> None:
        self._left = recycle_after
        self._until = time.monotonic() + recycle_age
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_SILENCE)
        self._steps = steps
        self.is_ready = False
        self._is_warm = False
        with theirs:
            self._process = os.fork()
            if self._process == 0:
                _become(become, theirs)
        try:
            self._handle = os.pidfd_open(self._process)
        except OSError:
            # Its socket is its end.
            self._socket.close()
            raise
        try:
            self._send(self._plan())
        except Unusable:
            self.end()
            raise

    def _plan(self) -> dict[str, Any]:
        machine = syscalls.MACHINE
        tail: tuple[int | None, int | None] = (None, 0) if machine == "x86_64" else (0, None)
        return {
            "calls": _CALLS[machine],
            "clone": [_CLONE, 0, 0, *tail],
            "data": _EVENT_DATA[machine],
            "steps": self._steps,
        }

    @property
    def is_worn(self) -> bool:
        """Whether another should take its place."""
        return self._left <= 0 or time.monotonic() > self._until

    def last_longer(self) -> None:
        """Go on for a while: what should take its place could not, and must not be tried with each child."""
        self._left = _MORE
        self._until = time.monotonic() + _LATER

    def get_ready(self) -> bool:
        """Make it usable once it is warm and has one thread; returns whether it is.

        Raises ``Unusable`` where it never will be.
        """
        if not self._is_warm and select.select([self._socket], (), (), 0)[0]:
            self._is_warm = self._receive() == b"warm"
        if self._is_warm and not self.is_ready and len(os.listdir(self._folder("task"))) == 1:
            ours = self._descriptors()
            self._send({"replace": ours})
            if self._receive() != b"noted":
                raise Unusable("it does not answer")
            self._try()
            self.is_ready = True
        return self.is_ready

    def fork(self, channel: int, *, sample: bool = False) -> int:
        """Return the process id of a new child, the zygote's own, whose channel is ``channel``.

        It is -1 where there is no room for one. Raises ``Unusable`` where the template has ended.
        """
        self._left -= 1
        self._send({"sample": sample}, channel)
        return int(self._receive())

    def end(self) -> None:
        """End it, if it has not ended; its children live on."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        os.close(self._handle)
        self._socket.close()

    def _send(self, order: Mapping[str, Any], *descriptors: int) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))]
        try:
            self._socket.sendmsg([json.dumps(order).encode()], rights if descriptors else [])
        except OSError as error:
            raise Unusable(f"it has ended: {error}") from error

    def _receive(self) -> bytes:
        try:
            answer = self._socket.recv(64)
        except OSError as error:
            raise Unusable(f"it does not answer: {error}") from error
        if not answer:
            raise Unusable("it has ended")
        return answer

    def _folder(self, name: str, process: int | None = None) -> str:
        return f"{deno_root.PROCESSES}/{process or self._process}/{name}"

    def _links(self, process: int | None = None) -> dict[int, str]:
        folder = self._folder("fd", process)
        return {int(name): os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}

    def _descriptors(self) -> dict[str, Any]:
        """Say what must be a child's own. Raises ``Unusable`` where there is something that is unknown."""
        links = self._links()
        ours, nothing = links[_SOCKET], links[2]
        polls: dict[bytes, list[int]] = {}
        sockets: dict[str, list[int]] = {}
        found: dict[str, Any] = {"channel": [], "events": []}
        for place, link in sorted(links.items()):
            if link == ours:
                found["channel"].append(place)
            elif link == "anon_inode:[eventfd]":
                found["events"].append(place)
            elif link == "anon_inode:[eventpoll]":
                # As bytes: no codec can be imported any more.
                with open(self._folder(f"fdinfo/{place}"), "rb") as file:
                    watched = b"".join(line for line in file if line.startswith(b"tfd:"))
                polls.setdefault(watched, []).append(place)
            elif link.startswith("socket:"):
                sockets.setdefault(link, []).append(place)
            elif link != nothing and place != RULESET:
                raise Unusable(f"it has {link} open")
        if len(sockets) not in (0, 2):
            raise Unusable("its sockets are no pair")
        return {
            **found,
            "pairs": [list(sockets.values())] if sockets else [],
            "polls": [
                {"places": places, "watched": [_watched(line) for line in watched.splitlines()]}
                for watched, places in polls.items()
            ],
        }

    def _try(self) -> None:
        """Fork two children, and see what they share. Raises ``Unusable``."""
        shared = {link for link in self._links().values() if link.startswith("socket:")}
        drawn: list[set[str]] = []
        for _ in range(2):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            with ours:
                with theirs:
                    process = self.fork(theirs.fileno(), sample=True)
                if process < 0:
                    raise Unusable("no child can be forked")
                handle = os.pidfd_open(process)
                try:
                    ours.settimeout(_SILENCE)
                    answer = ours.recv(4_096)
                    links = set(self._links(process).values())
                finally:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    os.close(handle)
            if b'"sample"' not in answer or shared & links:
                raise Unusable("a child does not get behind the walls")
            drawn.append(set(json.loads(answer[4:])["sample"].split()))
        if drawn[0] & drawn[1]:
            raise Unusable("its children draw the same random numbers")


def _watched(line: bytes) -> tuple[int, int, int]:
    """One line of what an event poll watches: its descriptor, events and data."""
    words = line.split()
    return int(words[1]), int(words[3], 16), int(words[5], 16)


def _become(become: Callable[[], object], channel: socket.socket) -> NoReturn:
    """Be the template: with the right to mount, which children need, and no descriptor of the zygote's."""
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        syscalls.keep_capability(syscalls.CAP_SYS_ADMIN)
        for place, source in ((_SOCKET, channel.fileno()), (1, _SOCKET), (RULESET, zygote.RULESET)):
            os.dup2(source, place)
        os.closerange(RULESET + 1, 1 << 16)
        keeping = seccomp.Filter(
            seccomp.pretend(_MADVISE[syscalls.MACHINE], argument=2, value=_MADV_DONTFORK)
        )
        syscalls.do((keeping.installation,))
        become()
    finally:
        os._exit(70)  # EX_SOFTWARE: our own code failed
