"""What a zygote forks: it waits for a lease, locks the door behind itself, runs the program, and ends."""

from __future__ import annotations

import _random
import gc
import json
import os
import random
import resource
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn

from underpass.guest import importer, main
from underpass.guest.channel import Channel, Closed
from underpass.sandbox.kernel import root, seccomp, syscalls
from underpass.sandbox.zygote import CHANNEL, FIRST_OTHER, RULESET

_TASKS: Final = 2_048
"""Processes and threads of all sandboxes together, beyond which a program gets no more threads."""


_NOTHING: Final = "0"
_LOOPING: Final = "import asyncio\nawait asyncio.sleep(0)"
_ANSWER: Final = b'{"id":1,"value":{"result":1}}'
"""To the only question of the program that calls a tool."""
_QUIET: Final = 250
"""Milliseconds without a lease after which there is time to rehearse what only some programs do."""
_WARM_UP: Final = (
    "1 + 1",
    "return 1",
    _LOOPING,
    "1 / 0",
    "print(1)",
)
_HARMLESS: Final = (syscalls.step("getppid"), partial(os.fspath, ""))
"""Steps that leave everything as it is."""


class Child:
    """What a forked child does: as little as possible, for each page it touches is copied.

    So what it does is a list of steps, with all that they need made ready in the zygote.
    """

    def __init__(self, settings: dict[str, Any], seccomp_filter: seccomp.Filter) -> None:
        self._detachment = (
            syscalls.step("prctl", syscalls.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
            os.setsid,
            partial(os.closerange, FIRST_OTHER, 1 << 16),
        )
        cpu = settings["cpu_seconds"]
        self._limits = (
            # The guest handles the soft limit, and says where the program was; the hard one kills.
            partial(resource.setrlimit, resource.RLIMIT_CPU, (cpu, cpu + 1)),
            # Counted over all sandboxes of the user: it stops threads, and leaves the zygote room to fork.
            partial(resource.setrlimit, resource.RLIMIT_NPROC, (_TASKS, _TASKS)),
            *_reseeding(),
            gc.enable,
        )
        flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
        options = f"size={settings['tmp_bytes']},nr_inodes=4096,mode=700"
        self._preparation = (
            *self._detachment,
            syscalls.step("mount", b"tmpfs", root.TMP.encode(), b"tmpfs", flags, options.encode()),
            *self._limits,
        )
        self._workspace = syscalls.Path()
        # Kept, for the kernel reads its memory.
        self._filter = seccomp_filter
        self._surrender = (
            syscalls.capability_drop(),
            syscalls.step("landlock_restrict_self", RULESET, 0),
            partial(os.close, RULESET),
            seccomp_filter.installation,
        )
        self._locking = (
            syscalls.bind_mount(self._workspace.address, root.WORKSPACE.encode()),
            syscalls.bind_mount(root.EMPTY.encode(), root.WORKSPACES.encode()),
            partial(os.chdir, root.WORKSPACE),
            *self._surrender,
        )
        self._channel = Channel(CHANNEL)
        self._guest = main.Guest(self._channel, root.WORKSPACE)
        self._modules = settings["modules"]
        self._guest.share(self._modules["loaded"])
        self._rehearsals: list[tuple[int, bytes, list[str]]] = [
            (0, _run_frame(_NOTHING), []),
            (_QUIET, _run_frame(_LOOPING), []),
        ]
        if program := self._modules["program"]:
            example = self._modules["example"]
            calling = _run_frame(program, example) + _framed(_ANSWER)
            self._rehearsals.insert(1, (_QUIET, calling, list(example)))

    def warm_up(self, times: int) -> None:
        """Run a few programs here, so that the interpreter adapts its code before it is shared.

        CPython rewrites what it runs often. Done in a child, that copies pages, in every child.
        """
        ours, theirs = socket.socketpair()
        os.dup2(theirs.fileno(), CHANNEL)
        theirs.close()
        programs = _WARM_UP
        if example := self._modules["program"]:
            # It is its own host: it answers its only question before it asks.
            answering = f"os.write({ours.fileno()}, {_framed(_ANSWER)!r})\n{example}"
            programs += (f"import os\n{answering}", f"import asyncio, os\n{answering}")
        for code in programs * times:
            syscalls.do(_HARMLESS)
            for _, frames, modules in self._rehearsals:
                if self._channel.is_quiet(0):
                    self._guest.rehearse(frames, modules)
            ours.send(_framed(b"default") + _run_frame(code, self._modules["example"]))
            self._workspace.set(self._channel.receive_text())
            syscalls.do(_HARMLESS)
            self._guest.run(self._channel.receive())
            self._guest.forget()
            ours.recv(65_536)
        os.dup2(0, CHANNEL)
        ours.close()

    def live(self) -> NoReturn:
        """Wait for a lease, lock the door behind us, run the program, and end."""
        status = 70  # EX_SOFTWARE: our own code failed
        try:
            self._prepare()
            self._rehearse()
            self._lock(self._channel.receive_text())
            self._guest.serve()
            status = 0
        except Closed:
            status = 0
        finally:
            os._exit(status)

    def _prepare(self) -> None:
        """Let go of what is the zygote's, and take what is ours alone."""
        syscalls.do(self._preparation)

    def _rehearse(self) -> None:
        """Run a few programs as long as there is no lease: what they touch need not be copied later."""
        for milliseconds, frames, modules in self._rehearsals:
            if not self._channel.is_quiet(milliseconds):
                return
            self._guest.rehearse(frames, modules)

    def _lock(self, agent: str) -> None:
        """Enter the agent's workspace, and give up every right that was needed to do so."""
        self._workspace.set(f"{root.WORKSPACES}/{agent}")
        syscalls.do(self._locking)


def _run_frame(code: str, modules: dict[str, Any] | None = None) -> bytes:
    frame = {"op": "run", "run": "", "code": code, "filename": "", "timeout": 10.0, "max_value": 100}
    frame |= {"magic": importer.MAGIC, "modules": modules or {}}
    return _framed(json.dumps(frame).encode())


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + body


def _reseeding() -> list[Callable[[], Any]]:
    """The steps that give a child random states of its own; it was forked with the zygote's."""
    # Half of what `random.gauss` made would be the same in every child.
    generator: Any = random.seed.__self__
    generator.gauss_next = None
    steps: list[Callable[[], Any]] = [partial(_random.Random.seed, generator)]
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        steps.append(numpy_random.seed)
    return steps
