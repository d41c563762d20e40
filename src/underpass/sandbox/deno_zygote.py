"""Starts Deno processes in the kernel's walls. Run as a script by ``DenoSandbox``.

A child puts itself behind all walls and executes Deno, which warms up and waits. When the host knows whose
program it is to run, the zygote mounts that agent's workspace into the child's file system, from outside:
Deno is without any right by then.

Control messages beside those of every zygote:
    to the zygote:    {"attach": [pid, agent]}
    from the zygote:  {"op": "attached", "pid": p}
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from functools import partial
from typing import Any, Final, NoReturn

# The script's own folder is not on the path (`python -I`), and no other package is to be found.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from underpass.sandbox import zygote
from underpass.sandbox.kernel import deno_root, deno_seccomp_table, root, seccomp, syscalls

sys.path.pop(0)

_NODEV: Final = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
_TASKS: Final = 4_096
"""Threads of all Deno processes together; one has five."""
_BASE_DATA: Final = 40 * 1_048_576
"""Bytes of private memory that Deno maps before it runs anything, for the most part stacks of threads."""


class DenoZygote(zygote.Zygote):
    """Forks Deno processes, and mounts their workspaces."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        super().__init__(control, settings)
        self._namespace = -1

    def _gather(self) -> root.Root:
        self._namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        paths = {name: self._settings[name] for name in ("binary", "guest", "modules")}
        return deno_root.gather(self._settings["workspaces"], **paths)

    def _make_ready(self) -> None:
        self._live = Child(self._settings).live
        # V8 reserves gigabytes of addresses that it never touches, so RLIMIT_AS cannot be used.
        memory = _BASE_DATA + self._settings["memory_mb"] * 1_048_576
        zygote.limit_resources(self._settings, resource.RLIMIT_DATA, memory)

    def _obey(self, order: dict[str, Any]) -> None:
        if "attach" in order:
            self._attach(*order["attach"])
        else:
            super()._obey(order)

    def _attach(self, process: int, agent: str) -> None:
        """Mount the agent's workspace into the file system of one child."""
        # A number that we have reaped may belong to another process by now.
        if process not in self._children:
            return
        try:
            workspace = syscalls.clone_tree(f"{root.WORKSPACES}/{agent}", root.WRITABLE)
            handle = os.pidfd_open(process)
            try:
                syscalls.setns(handle, syscalls.CLONE_NEWNS)
                syscalls.attach_tree(workspace, root.WORKSPACE)
            finally:
                syscalls.setns(self._namespace, syscalls.CLONE_NEWNS)
                os.close(handle)
        except ProcessLookupError:
            return  # it has ended, and the news of that is under way
        self.send({"op": "attached", "pid": process})


class Child:
    """What a forked child does before it is Deno: a list of steps, all prepared in the zygote."""

    def __init__(self, settings: dict[str, Any]) -> None:
        cpu = settings["cpu_seconds"]
        options = f"size={settings['tmp_bytes']},nr_inodes=4096,mode=700"
        empty = root.EMPTY.encode()
        execution = syscalls.Execution(deno_root.BINARY, settings["arguments"], settings["environment"])
        table = deno_seccomp_table.rules(syscalls.MACHINE, execution.path)
        # Kept, for the kernel reads their memory.
        self._kept = execution, seccomp.Filter(seccomp.assemble(table, syscalls.MACHINE))
        self._steps = (
            syscalls.step("prctl", syscalls.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
            os.setsid,
            partial(signal.pthread_sigmask, signal.SIG_SETMASK, ()),
            partial(os.dup2, zygote.CHANNEL, 0),
            partial(os.dup2, zygote.CHANNEL, 1),
            syscalls.step("mount", b"tmpfs", root.TMP.encode(), b"tmpfs", _NODEV, options.encode()),
            syscalls.bind_mount(f"{deno_root.PROCESSES}/self/maps".encode(), deno_root.OWN_MAP.encode()),
            *(syscalls.bind_mount(empty, place.encode()) for place in deno_root.COVERED),
            partial(os.chdir, root.AGENT),
            partial(resource.setrlimit, resource.RLIMIT_CPU, (cpu, cpu)),
            # Counted over all sandboxes of the user: it stops threads, and leaves us room to fork.
            partial(resource.setrlimit, resource.RLIMIT_NPROC, (_TASKS, _TASKS)),
            syscalls.capability_drop(),
            syscalls.step("landlock_restrict_self", zygote.RULESET, 0),
            # Nothing but the channel is left when Deno begins; what is ours is closed by the exec, too.
            partial(os.closerange, zygote.CHANNEL, 1 << 16),
            self._kept[1].installation,
            execution.step,
        )

    def live(self) -> NoReturn:
        """Go behind the walls, and become Deno, with the channel as its input and output."""
        try:
            syscalls.do(self._steps)
        finally:
            os._exit(70)  # EX_SOFTWARE: our own code failed


if __name__ == "__main__":
    zygote.run(DenoZygote, int(sys.argv[1]))
