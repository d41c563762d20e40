"""Starts Deno processes in the kernel's walls. Run as a script by ``DenoSandbox``.

A child puts itself behind all walls and executes Deno, which warms up and waits; where there are many, they
are soon forked from one that is warm (``deno_template``). When the host knows whose program it is to run,
the zygote mounts that agent's workspace into the child's file system, from outside: Deno is without any
right by then.

Control messages beside those of every zygote:
    to the zygote:    {"attach": [pid, agent]} · {"op": "distrust"}: a child did not become ready
    from the zygote:  {"op": "attached", "pid": p} · {"op": "template", "refused": why or ""}
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import struct
import sys
from functools import partial
from typing import Any, Final, NoReturn

# The script's own folder is not on the path (`python -I`), and no other package is to be found.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from underpass.sandbox import deno_template, zygote
from underpass.sandbox.deno_template import UNFIT, DenoTemplate, Unusable
from underpass.sandbox.kernel import deno_root, deno_seccomp_table, root, seccomp, syscalls

sys.path.pop(0)

_NODEV: Final = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
_TASKS: Final = 4_096
"""Threads of all Deno processes together; one has five."""
_MAPS: Final = f"{deno_root.PROCESSES}/self/maps".encode()
_BASE_DATA: Final = 40 * 1_048_576
"""Bytes of private memory that Deno maps before it runs anything, for the most part stacks of threads."""
_FEW: Final = 6
"""Children that are started before there is a template: it costs as much as one, and many hosts need few."""


class DenoZygote(zygote.Zygote):
    """Forks Deno processes, and mounts their workspaces."""

    _template: DenoTemplate | None = None
    _successor: DenoTemplate | None = None
    _untried: int = _FEW
    """How many children to start before there is a template; where it is negative, none is tried any more."""

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
        elif "op" in order:
            self._distrust()
        else:
            super()._obey(order)

    def _fork(self, count: int) -> None:
        for _ in range(count):
            self._fork_one()

    def _fork_one(self) -> None:
        if not self._fork_warm():
            super()._fork(1)
            if self._untried == 0:
                self._template = self._start_template()
            self._untried -= 1

    def _start_template(self) -> DenoTemplate | None:
        execution = _execution(self._settings["template"], self._settings)
        with contextlib.suppress(Unusable, OSError):
            return DenoTemplate(
                partial(syscalls.do, (execution.step,)),
                template_steps(self._settings),
                recycle_after=self._settings["recycle_after"],
                recycle_age=self._settings["recycle_age"],
            )
        return None

    def _fork_warm(self) -> bool:
        """Fork a child from the template; returns whether there was one that could."""
        if self._template is None:
            return False
        try:
            if not self._template.is_ready:
                if not self._template.get_ready():
                    return False
                self.send({"op": "template", "refused": ""})
            elif self._template.is_worn:
                self._renew(self._template)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            with ours, theirs:
                if (process := self._template.fork(theirs.fileno())) < 0:
                    return False
                self._children.add(process)
                self._announce([process], [ours.fileno()])
        except UNFIT as error:
            self._give_up(self._template, str(error))
            return False
        return True

    def _distrust(self) -> None:
        """Start children one by one for a while: one did not become ready, and the template may be why."""
        if self._template is not None and self._template.is_ready:
            self._give_up(self._template, "a child of it did not become ready")

    def _give_up(self, template: DenoTemplate, reason: str) -> None:
        template.end()
        if template.is_ready:
            # The kernel may have ended it for want of memory; another may last.
            self._untried = _FEW
        self._template = None
        self.send({"op": "template", "refused": reason})

    def _renew(self, worn: DenoTemplate) -> None:
        """Let another take the place of a template that goes on until that is ready."""
        try:
            if self._successor is None:
                self._successor = self._start_template()
            elif self._successor.get_ready():
                worn.end()
                self._template, self._successor = self._successor, None
                self.send({"op": "template", "refused": ""})
        except UNFIT:
            if self._successor is not None:
                self._successor.end()
            self._successor = None
            worn.last_longer()

    def end(self) -> None:
        """End every child, and the templates."""
        for template in (self._template, self._successor):
            if template is not None:
                template.end()
        super().end()

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
        empty = root.EMPTY.encode()
        execution = _execution(settings["arguments"], settings)
        table = deno_seccomp_table.rules(syscalls.MACHINE, execution.path)
        # Kept, for the kernel reads their memory.
        self._kept = execution, seccomp.Filter(seccomp.assemble(table, syscalls.MACHINE))
        self._steps = (
            syscalls.step("prctl", syscalls.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
            os.setsid,
            partial(signal.pthread_sigmask, signal.SIG_SETMASK, ()),
            partial(os.dup2, zygote.CHANNEL, 0),
            partial(os.dup2, zygote.CHANNEL, 1),
            syscalls.step("mount", b"tmpfs", root.TMP.encode(), b"tmpfs", _NODEV, _tmp_options(settings)),
            syscalls.bind_mount(_MAPS, deno_root.OWN_MAP.encode()),
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


def template_steps(settings: dict[str, Any]) -> list[deno_template.Step]:
    """What a child of the template does before it serves: the steps of ``Child``, but for becoming Deno."""
    step = deno_template.step
    empty = root.EMPTY.encode()
    table = deno_seccomp_table.forked(syscalls.MACHINE)
    return [
        step("prctl", syscalls.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
        step("setsid"),
        step("mount", b"tmpfs\0", _path(root.TMP), b"tmpfs\0", _NODEV, _tmp_options(settings) + b"\0"),
        step("mount", _MAPS + b"\0", _path(deno_root.OWN_MAP), 0, syscalls.MS_BIND, 0),
        *(step("mount", empty + b"\0", _path(place), 0, syscalls.MS_BIND, 0) for place in deno_root.COVERED),
        step("chdir", _path(root.AGENT)),
        *(
            step("prlimit64", 0, limit, struct.pack("=QQ", value, value), 0)
            for limit, value in (
                (resource.RLIMIT_CPU, settings["cpu_seconds"]),
                (resource.RLIMIT_NPROC, _TASKS),
            )
        ),
        step("capset", syscalls.CAPABILITY_HEADER, syscalls.NO_CAPABILITIES),
        step("landlock_restrict_self", deno_template.RULESET, 0),
        step("close", deno_template.RULESET),
        deno_template.filtered(seccomp.assemble(table, syscalls.MACHINE)),
    ]


def _execution(arguments: list[str], settings: dict[str, Any]) -> syscalls.Execution:
    return syscalls.Execution(deno_root.BINARY, arguments, settings["environment"])


def _tmp_options(settings: dict[str, Any]) -> bytes:
    return f"size={settings['tmp_bytes']},nr_inodes=4096,mode=700".encode()


def _path(path: str) -> bytes:
    return path.encode() + b"\0"


if __name__ == "__main__":
    zygote.run(DenoZygote, int(sys.argv[1]))
