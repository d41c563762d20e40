"""The warm process that sandboxes are forked from; what they are forked into is for each kind to say.

It moves into namespaces of its own, and from then on forks children on request. It holds no secret:
children can read its memory. It reads nothing that a program says.

Control messages are JSON on a SEQPACKET socket.
    to the zygote:    its settings · {"op": "mapped"} · {"fork": n, "kill": [pid, …]}
    from the zygote:  {"op": "unshared"} · {"op": "ready"} ·
                      {"op": "children", "pids": [p, …]} + their sockets ·
                      {"op": "exits", "ended": [[pid, status, cpu seconds, peak bytes], …]} ·
                      {"op": "unforked", "count": n, "reason": t} · {"op": "failed", "reason": t}
"""

from __future__ import annotations

import _socket
import contextlib
import fcntl
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, NoReturn

from underpass.sandbox.kernel import landlock, root, syscalls

CHANNEL: Final = 3
"""A child's end of its channel to the host."""
RULESET: Final = 4
"""The rules of Landlock that every child restricts itself by."""
FIRST_OTHER: Final = 5
"""From here on, descriptors are the zygote's alone: children close them."""

_FORK_PAUSE: Final = 0.02
_REAPED: Final = 256
"""Ends in one message."""
_WARM_UPS: Final = 10
"""CPython 3.11 adapts a function after eight calls."""
_LOT: Final = 8
"""Children that are forked before the host hears of them."""


class Zygote:
    """Forks sandboxes, reports their ends, and ends with its host.

    Its kinds say what a child sees of the host (``_gather``), what it has loaded (``_preload``), what it
    does (``_make_ready``), and what is to be done last before the first is forked (``_warm_up``).
    """

    channel: ClassVar[int] = int(socket.SOCK_STREAM)
    """The type of a child's channel."""
    _live: Callable[[], NoReturn]
    """What a child does."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self._control = control
        self._settings = settings
        self._children: set[int] = set()
        self._channel = self.channel
        self.ready = {"op": "ready"}
        """What the host learns when children can be forked."""

    def enter(self) -> None:
        """Move into namespaces of our own, and make ready whatever is the same for every child."""
        user = self._settings["user"]
        try:
            root.unshare()
        except OSError as error:
            self._do_without_namespaces(error)
        # The host writes the user map: it may have the right to give us a user of our own. Until
        # we become that user the host's files are open to us, and after the pivot there are none.
        self.send({"op": "unshared"})
        _receive(self._control)
        # A name of its own, and no path of the host left where children could read it.
        socket.sethostname("sandbox")
        place = self._gather()
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        place.enter(user)
        self._preload()
        for capability in set(range(41)) - {syscalls.CAP_SYS_ADMIN}:
            syscalls.prctl(syscalls.PR_CAPBSET_DROP, capability)
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        # For children, too: no memory is writable and executable, nor becomes executable.
        syscalls.prctl(syscalls.PR_SET_MDWE, syscalls.PR_MDWE_REFUSE_EXEC_GAIN)
        ruleset = landlock.ruleset(place.read_only, [root.AGENT])
        for path in place.executable:
            landlock.allow_execution(ruleset, path)
        os.dup2(ruleset, RULESET, inheritable=False)
        os.close(ruleset)
        self._make_ready()
        self._clone = syscalls.Cloner(syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS)

    def _do_without_namespaces(self, refused: OSError) -> NoReturn:
        """Go on in another way where there is one."""
        raise refused

    def _gather(self) -> root.Root:
        """Gather what children see, while all of the host can be reached."""
        raise NotImplementedError

    def _preload(self) -> None:
        """Load what children share, where no more of the host is seen than by their programs."""

    def _make_ready(self) -> None:
        """Set ``_live``, and the limits that children inherit."""
        raise NotImplementedError

    def _warm_up(self, times: int) -> None:
        """Do a few times what children will do."""

    def _pack(self) -> None:
        """Make memory cheap to fork, once all is there."""

    def serve(self) -> None:
        """Fork and reap until the host closes the control socket."""
        # A descriptor for them, and no handler: children would inherit that, and what it writes to.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        awake = syscalls.signal_descriptor(signal.SIGCHLD)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(awake, select.POLLIN)
        self._warm_up(_WARM_UPS)
        # A collection would touch, and so copy, every page that children share with us.
        gc.collect()
        gc.freeze()
        gc.disable()
        # The collection has emptied the lists of free objects.
        self._warm_up(1)
        # What that has left is no child's business either: its first collection would look at all of it.
        gc.freeze()
        self._pack()
        # Up to here errors went to a file of the host; children must not inherit it.
        os.dup2(0, 2)
        self.send(self.ready)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == awake:
                    os.read(awake, 128)
                    self._reap()
                else:
                    self._obey(_receive(self._control))

    def _obey(self, order: dict[str, Any]) -> None:
        for process in order["kill"]:
            # A number that we have reaped may belong to another process by now.
            if process in self._children:
                os.kill(process, signal.SIGKILL)
        left = order["fork"]
        while left > 0:
            # Whoever waits gets the first of them soon.
            self._fork(min(left, _LOT))
            left -= _LOT

    def _fork(self, count: int) -> None:
        """Fork some children, and tell of all in one message.

        After a fork each page that we write is copied. So between two of them we write little.
        """
        # Not Python's own functions: what they touch is copied after each fork.
        pairs: list[tuple[_socket.socket, _socket.socket]] = []
        forked: list[int] = []
        # Looked up here: a child would have to adapt the instruction, and copy what it touches.
        live, clone, dup2 = self._live, self._clone, os.dup2
        try:
            pairs += [_socket.socketpair(socket.AF_UNIX, self._channel) for _ in range(count)]
            for _, theirs in pairs:
                dup2(theirs.fileno(), CHANNEL)
                process = clone()
                if process == 0:
                    live()
                forked.append(process)
        except OSError as error:
            # Too many processes or descriptors just now: other children will end, so it may pass.
            time.sleep(_FORK_PAUSE)
            reason = f"a sandbox could not be forked: {error}"
            self.send({"op": "unforked", "count": count - len(forked), "reason": reason})
        finally:
            # Its end is seen only when nobody else holds the child's side.
            os.dup2(0, CHANNEL)
            for _, theirs in pairs:
                theirs.close()
            self._children.update(forked)
            if forked:
                self._announce(forked, [ours.fileno() for ours, _ in pairs[: len(forked)]])
            for ours, _ in pairs:
                ours.close()

    def _announce(self, processes: list[int], channels: list[int]) -> None:
        """Give the host new children, with its end of the channel of each."""
        rights = b"".join([descriptor.to_bytes(4, sys.byteorder) for descriptor in channels])
        message = b'{"op":"children","pids":[%s]}' % b",".join([b"%d" % process for process in processes])
        self._control.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def _reap(self) -> None:
        while ended := self._reap_some():
            self._control.send(b'{"op":"exits","ended":[%s]}' % b",".join(ended))

    def _reap_some(self) -> list[bytes]:
        ended: list[bytes] = []
        while self._children and len(ended) < _REAPED:
            process, status, usage = os.wait4(-1, os.WNOHANG)
            if process == 0:
                break
            self._children.discard(process)
            cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1_024
            ended.append(b"[%d,%d,%f,%d]" % (process, status, cpu, peak))
        return ended

    def end(self) -> None:
        """End every child, and see to it that none is left. (Were we killed, the kernel would end them.)"""
        for process in self._children:
            os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()

    def send(self, message: dict[str, Any]) -> None:
        """Tell the host something."""
        self._control.send(json.dumps(message).encode())


def limit_resources(settings: dict[str, Any], kind: int, memory: int) -> None:
    """Set the limits that children inherit; none counts what several processes use together.

    Parameters:
        kind: the limit that holds their memory.
        memory: its value, in bytes.
    """
    for limit, value in (
        (kind, memory),
        (resource.RLIMIT_FSIZE, settings["file_bytes"]),
        (resource.RLIMIT_NOFILE, settings["open_files"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(limit, (value, value))


class _HostGone(Exception):
    """The control socket is closed: the host has ended, or wants us to."""


def _receive(control: socket.socket) -> dict[str, Any]:
    message = control.recv(65_536)
    if not message:
        raise _HostGone
    return json.loads(message)


def run(kind: type[Zygote], control_descriptor: int, settings: dict[str, Any] | None = None) -> None:
    """Be the zygote: the script's whole work. Without ``settings``, the host's first message has them."""
    control = socket.socket(fileno=fcntl.fcntl(control_descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_OTHER))
    os.close(control_descriptor)
    for reserved in (CHANNEL, RULESET):
        os.dup2(0, reserved, inheritable=False)
    zygote = kind(control, settings or _receive(control))
    try:
        zygote.enter()
        zygote.serve()
    except (_HostGone, BrokenPipeError):
        return
    except BaseException as error:  # noqa: BLE001 - the host shows whatever it is
        with contextlib.suppress(OSError):
            zygote.send({"op": "failed", "reason": str(error) or repr(error)})
    finally:
        zygote.end()
