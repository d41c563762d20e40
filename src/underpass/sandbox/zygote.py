"""The warm process that every sandbox is forked from. Run as a script by ``ProcessSandbox``.

It imports what programs usually need, moves into namespaces of its own, and from then on forks
children on request. A child is ready, but still has its rights inside those namespaces, until the
first frame names the agent: then it mounts that agent's workspace, gives everything up, and
only after that reads the program. The zygote holds no secret: children can read its memory.

Control messages are JSON on a SEQPACKET socket.
    to the zygote:    its settings · {"op": "mapped"} · {"fork": n, "kill": [pid, …]}
    from the zygote:  {"op": "unshared"} · {"op": "ready"} · {"op": "child", "pid": p} + a socket ·
                      {"op": "exit", "pid": p, "status": s, "cpu": seconds} ·
                      {"op": "unforked", "reason": t} · {"op": "failed", "reason": t}
"""

from __future__ import annotations

import _socket
import contextlib
import fcntl
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any, Final, NoReturn

# The script's own folder is not on the path (`python -I`), and no other package is to be found.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
# There is no network, so asyncio can do without TLS; OpenSSL would double what a fork copies.
sys.modules["ssl"] = None  # type: ignore[assignment]

from underpass.sandbox.child import CHANNEL, FIRST_OTHER, RULESET, Child
from underpass.sandbox.kernel import landlock, root, seccomp, seccomp_table, syscalls

# By name, because nothing here uses what it imports.
importlib.import_module("underpass.sandbox.preload")
sys.path.pop(0)
del sys.modules["ssl"]

_FORK_PAUSE: Final = 0.02

_ONE_THREAD: Final[dict[str, str]] = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


class Zygote:
    """Forks sandboxes, reports their ends, and ends with its host."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self._control = control
        self._settings = settings
        self._children: set[int] = set()
        self.ready = {"op": "ready"}
        """What the host learns when children can be forked."""

    def enter(self) -> None:
        """Move into namespaces of our own, and make ready whatever is the same for every child."""
        used = address_space()
        user = self._settings["user"]
        try:
            root.unshare()
        except OSError as error:
            if self._settings["walls"] == "full":
                raise
            self._do_without_namespaces(str(error))
        # The host writes the user map: it may have the right to give us a user of our own. Until
        # we become that user the host's files are open to us, and after the pivot there are none.
        self.send({"op": "unshared"})
        _receive(self._control)
        # A name of its own, and no path of the host left where children could read it.
        socket.sethostname("sandbox")
        trees = root.Root(self._settings.pop("workspaces"), self._settings["packages"])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        trees.enter(user)
        preload_packages(self._settings, root.PACKAGES)
        for capability in set(range(41)) - {syscalls.CAP_SYS_ADMIN}:
            syscalls.prctl(syscalls.PR_CAPBSET_DROP, capability)
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        syscalls.prctl(syscalls.PR_SET_MDWE, syscalls.PR_MDWE_REFUSE_EXEC_GAIN)
        ruleset = landlock.ruleset(trees.read_only, [root.AGENT])
        os.dup2(ruleset, RULESET, inheritable=False)
        os.close(ruleset)
        program = seccomp.assemble(seccomp_table.rules(syscalls.MACHINE), syscalls.MACHINE)
        self._child = Child(self._settings, seccomp.Filter(program))
        limit_resources(self._settings, used)
        self._clone = syscalls.Cloner(syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS)

    def _do_without_namespaces(self, reason: str) -> NoReturn:
        settings = json.dumps({**self._settings, "refused": reason})
        control = fcntl.fcntl(self._control, fcntl.F_DUPFD, FIRST_OTHER)
        script = os.path.join(os.path.dirname(__file__), "zygote_landlock.py")
        # Nothing has begun yet; what the other script needs is not loaded in the usual way.
        os.execv(  # noqa: S606 - no shell
            sys.executable, [*sys.orig_argv[:-2], script, str(control), settings]
        )

    def serve(self) -> None:
        """Fork and reap until the host closes the control socket."""
        # A descriptor for them, and no handler: children would inherit that, and what it writes to.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        awake = syscalls.signal_descriptor(signal.SIGCHLD)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(awake, select.POLLIN)
        # A collection would touch, and so copy, every page that children share with us.
        gc.collect()
        gc.freeze()
        gc.disable()
        # After the collection, which empties the lists of free objects.
        self._child.warm_up()
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
        for _ in range(order["fork"]):
            self._fork()

    def _fork(self) -> None:
        try:
            # Not Python's own functions: what they touch is copied after each fork.
            ours, theirs = _socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                os.dup2(theirs.fileno(), CHANNEL)
                # Looked up here: a child would have to adapt the instruction, and copy what it touches.
                live = self._child.live
                process = self._clone()
                if process == 0:
                    live()
                self._children.add(process)
                descriptor = ours.fileno().to_bytes(4, sys.byteorder)
                self._control.sendmsg(
                    [b'{"op":"child","pid":%d}' % process],
                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)],
                )
            finally:
                # Its end is seen only when nobody else holds the child's side.
                os.dup2(0, CHANNEL)
                ours.close()
                theirs.close()
        except OSError as error:
            # Too many processes or descriptors just now: other children will end, so it may pass.
            time.sleep(_FORK_PAUSE)
            self.send({"op": "unforked", "reason": f"a sandbox could not be forked: {error}"})

    def _reap(self) -> None:
        while self._children:
            process, status, usage = os.wait4(-1, os.WNOHANG)
            if process == 0:
                return
            self._children.discard(process)
            cpu = usage.ru_utime + usage.ru_stime
            self._control.send(b'{"op":"exit","pid":%d,"status":%d,"cpu":%f}' % (process, status, cpu))

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


def preload_packages(settings: dict[str, Any], folder: str) -> None:
    """Make the environment's packages importable, and import those that are to be shared.

    They see no more of the host than the programs that will use them.
    """
    if settings["packages"] is None:
        return
    sys.path.append(folder)
    # Threads do not survive a fork; numerical libraries start some when they are imported.
    os.environ.update(_ONE_THREAD)
    for name in settings["preload"]:
        importlib.import_module(name)


def limit_resources(settings: dict[str, Any], used: int) -> None:
    """Set the limits that children inherit; none counts what several processes use together."""
    memory = used + settings["memory_mb"] * 1_048_576
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, settings["file_bytes"]),
        (resource.RLIMIT_NOFILE, settings["open_files"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(limit, (value, value))


def address_space() -> int:
    with open("/proc/self/statm", encoding="utf-8") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


class _HostGone(Exception):
    """The control socket is closed: the host has ended, or wants us to."""


def _receive(control: socket.socket) -> dict[str, Any]:
    message = control.recv(65_536)
    if not message:
        raise _HostGone
    return json.loads(message)


def run(control_descriptor: int, settings: dict[str, Any] | None = None, kind: type[Zygote] = Zygote) -> None:
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


if __name__ == "__main__":
    run(int(sys.argv[1]))
