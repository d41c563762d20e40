"""Starts Deno processes in the kernel's walls. Run as a script by ``DenoSandbox``.

It moves into namespaces of its own, and from then on forks children on request. A child puts itself
behind all walls and executes Deno, which warms up and waits. When the host knows whose program it is
to run, the zygote mounts that agent's workspace into the child's file system, from outside: Deno is
without any right by then. The zygote reads nothing that a program says.

Control messages are JSON on a SEQPACKET socket.
    to the zygote:    its settings · {"op": "mapped"} ·
                      {"fork": n, "kill": [pid, …], "attach": [[pid, agent], …]}
    from the zygote:  {"op": "unshared"} · {"op": "ready"} · {"op": "child", "pid": p} + a socket ·
                      {"op": "attached", "pid": p} ·
                      {"op": "exit", "pid": p, "status": s, "cpu": seconds, "peak": bytes} ·
                      {"op": "failed", "reason": t}
"""

from __future__ import annotations

import contextlib
import ctypes
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
from typing import Any, Final, NoReturn

# The script's own folder is not on the path (`python -I`), and no other package is to be found.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from underpass.sandbox.kernel import deno_root, deno_seccomp_table, landlock, seccomp, syscalls

sys.path.pop(0)

_libc: Final = ctypes.PyDLL(None, use_errno=True)
_EXECUTE_AND_READ: Final = 0b101
"""Landlock's rights to execute and to read a file."""
_RULE_PATH_BENEATH: Final = 1
_NODEV: Final = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
_FIRST_OTHER: Final = 3
_CLONE_ATTEMPTS: Final = 250
_CLONE_PAUSE: Final = 0.02
_TASKS: Final = 4_096
"""Threads of all Deno processes together; one has five."""
_BASE_DATA: Final = 40 * 1_048_576
"""Bytes of private memory that Deno maps before it runs anything, for the most part stacks of threads."""


class Zygote:
    """Forks Deno processes, mounts their workspaces, reports their ends, and ends with its host."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self._control = control
        self._settings = settings
        self._children: set[int] = set()

    def enter(self) -> None:
        """Move into namespaces of our own, and make ready whatever is the same for every child."""
        settings = self._settings
        user = settings["user"]
        syscalls.unshare(
            syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET
            | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP
        )  # fmt: skip
        # The host writes the user map: it may have the right to give us a user of our own. Until
        # we become that user the host's files are open to us, and after the pivot there are none.
        self.send({"op": "unshared"})
        _receive(self._control)
        socket.sethostname("sandbox")
        paths = {name: settings[name] for name in ("binary", "guest", "modules", "workspaces")}
        root = deno_root.DenoRoot(**paths)
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        self._namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        root.enter(user)
        for capability in set(range(41)) - {syscalls.CAP_SYS_ADMIN}:
            syscalls.prctl(syscalls.PR_CAPBSET_DROP, capability)
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        # Deno inherits it: no memory is writable and executable, nor becomes executable.
        syscalls.prctl(syscalls.PR_SET_MDWE, syscalls.PR_MDWE_REFUSE_EXEC_GAIN)
        rules = landlock.ruleset(root.read_only, [deno_root.AGENT])
        for path in root.executable:
            _allow_execution(rules, path)
        self._child = Child(settings, rules)
        _limit_resources(settings)
        self._clone = syscalls.Cloner(syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS)

    def serve(self) -> None:
        """Fork, mount and reap until the host closes the control socket."""
        awake, wake = os.pipe()
        os.set_blocking(awake, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(awake, select.POLLIN)
        gc.collect()
        gc.freeze()
        gc.disable()
        # Up to here errors went to a file of the host; children must not inherit it.
        os.dup2(0, 2)
        self.send({"op": "ready"})
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == awake:
                    os.read(awake, 4_096)
                    self._reap()
                else:
                    self._obey(_receive(self._control))

    def _obey(self, order: dict[str, Any]) -> None:
        for process, agent in order["attach"]:
            # A number that we have reaped may belong to another process by now.
            if process in self._children:
                self._attach(process, agent)
        for process in order["kill"]:
            if process in self._children:
                os.kill(process, signal.SIGKILL)
        for _ in range(order["fork"]):
            self._fork()

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = self._cloned()
            if process == 0:
                self._child.become_deno(theirs.fileno())
            self._children.add(process)
            message = json.dumps({"op": "child", "pid": process}).encode()
            socket.send_fds(self._control, [message], [ours.fileno()])

    def _cloned(self) -> int:
        """Clone. Too many threads just now are no reason to give up: their program's time will end."""
        for _ in range(_CLONE_ATTEMPTS):
            try:
                return self._clone()
            except OSError:
                self._reap()
                time.sleep(_CLONE_PAUSE)
        return self._clone()

    def _attach(self, process: int, agent: str) -> None:
        """Mount the agent's workspace into the file system of one child."""
        try:
            workspace = syscalls.clone_tree(f"{deno_root.WORKSPACES}/{agent}", _WORKSPACE_ATTRIBUTES)
            handle = os.pidfd_open(process)
            try:
                _enter(handle, syscalls.CLONE_NEWNS)
                syscalls.attach_tree(workspace, deno_root.WORKSPACE)
            finally:
                _enter(self._namespace, syscalls.CLONE_NEWNS)
                os.close(handle)
        except ProcessLookupError:
            return  # it has ended, and the news of that is under way
        self.send({"op": "attached", "pid": process})

    def _reap(self) -> None:
        while self._children:
            process, status, usage = os.wait4(-1, os.WNOHANG)
            if process == 0:
                return
            self._children.discard(process)
            cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1_024
            self.send({"op": "exit", "pid": process, "status": status, "cpu": cpu, "peak": peak})

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


class Child:
    """What a forked child does before it is Deno. All that can be is prepared in the zygote."""

    def __init__(self, settings: dict[str, Any], ruleset: int) -> None:
        self._cpu_seconds = settings["cpu_seconds"]
        self._tmp_options = f"size={settings['tmp_bytes']},nr_inodes=4096,mode=700"
        empty = deno_root.EMPTY.encode()
        self._mounts = [
            syscalls.bind_mount(f"{deno_root.PROCESSES}/self/maps".encode(), deno_root.OWN_MAP.encode()),
            *(syscalls.bind_mount(empty, place.encode()) for place in deno_root.COVERED),
        ]
        self._locks = [
            syscalls.capability_drop(),
            syscalls.step("landlock_restrict_self", ruleset, 0),
        ]
        self._execute = _Execution(deno_root.BINARY, settings["arguments"], settings["environment"])
        table = deno_seccomp_table.rules(syscalls.MACHINE, self._execute.path)
        self._filter = seccomp.Filter(seccomp.assemble(table, syscalls.MACHINE))

    def become_deno(self, channel: int) -> NoReturn:
        """Go behind the walls, and execute Deno with ``channel`` as its input and output."""
        try:
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(channel, 0)
            os.dup2(channel, 1)
            syscalls.mount("tmpfs", deno_root.TMP, "tmpfs", _NODEV, self._tmp_options)
            syscalls.do(self._mounts)
            os.chdir(deno_root.AGENT)
            resource.setrlimit(resource.RLIMIT_CPU, (self._cpu_seconds, self._cpu_seconds))
            # Counted over all sandboxes of the user: it stops threads, and leaves us room to fork.
            resource.setrlimit(resource.RLIMIT_NPROC, (_TASKS, _TASKS))
            syscalls.do(self._locks)
            # Nothing but the channel is left when Deno begins; what is ours is closed by the exec, too.
            os.closerange(_FIRST_OTHER, 1 << 16)
            syscalls.do([self._filter.installation])
            self._execute()
        finally:
            os._exit(70)  # EX_SOFTWARE: our own code failed


class _Execution:
    """An ``execve`` whose arguments stand where they are from the start: the filter names one address."""

    def __init__(self, path: str, arguments: list[str], environment: dict[str, str]) -> None:
        self._path = ctypes.create_string_buffer(path.encode())
        self._arguments = _strings(arguments)
        self._environment = _strings([f"{name}={value}" for name, value in environment.items()])
        self.path = ctypes.addressof(self._path)

    def __call__(self) -> None:
        """Become another program. Raises ``OSError``."""
        _libc.execve(ctypes.c_void_p(self.path), self._arguments, self._environment)
        raise OSError(ctypes.get_errno(), "execve")


def _strings(values: list[str]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(values) + 1))(*(value.encode() for value in values), None)


def _enter(descriptor: int, kind: int) -> None:
    """Move this process into a namespace."""
    if _libc.setns(descriptor, kind) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


_WORKSPACE_ATTRIBUTES: Final = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV | 8


def _allow_execution(ruleset: int, path: str) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    # struct landlock_path_beneath_attr is packed: allowed_access (64 bits), parent_fd (32 bits).
    content = _EXECUTE_AND_READ.to_bytes(8, "little") + beneath.to_bytes(4, "little")
    rule = ctypes.create_string_buffer(content, len(content))
    syscalls.call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, ctypes.addressof(rule), 0)
    os.close(beneath)


def _limit_resources(settings: dict[str, Any]) -> None:
    """Set the limits that children inherit; none counts what several processes use together."""
    # V8 reserves gigabytes of addresses that it never touches, so RLIMIT_AS cannot be used.
    data = _BASE_DATA + settings["memory_mb"] * 1_048_576
    for limit, value in (
        (resource.RLIMIT_DATA, data),
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


def run(control_descriptor: int) -> None:
    """Be the zygote: the script's whole work."""
    control = socket.socket(fileno=fcntl.fcntl(control_descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_OTHER))
    os.close(control_descriptor)
    zygote = Zygote(control, _receive(control))
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
