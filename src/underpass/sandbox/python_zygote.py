"""The zygote of Python programs. Run as a script by ``ProcessSandbox``.

It imports what programs usually need. A child is ready, but still has its rights inside the zygote's
namespaces, until the first frame names the agent: then it mounts that agent's workspace, gives everything
up, and only after that reads the program.
"""

from __future__ import annotations

import os
import sys

# The script's own folder is not on the path (`python -I`), and no other package is to be found.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# Before anything else: what is allocated earlier stays where it is.
from underpass.sandbox.kernel import memory  # isort: skip

_HEAP = memory.Heap()

import fcntl
import importlib
import json
import resource
import socket
from typing import Any, ClassVar, Final, NoReturn

# There is no network, so asyncio can do without TLS; OpenSSL would double what a fork copies.
sys.modules["ssl"] = None  # type: ignore[assignment]

# What a child uses first: so it lies together in memory, and fewer pages are copied.
from underpass.sandbox.child import Child  # isort: skip
from underpass.sandbox import zygote
from underpass.sandbox.kernel import python_root, root, seccomp, seccomp_table, syscalls

# By name, because nothing here uses what it imports.
importlib.import_module("underpass.sandbox.preload")
sys.path.pop(0)
del sys.modules["ssl"]

_ONE_THREAD: Final[dict[str, str]] = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


class PythonZygote(zygote.Zygote):
    """Forks interpreters that have everything loaded."""

    channel: ClassVar[int] = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    _child: Child

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        super().__init__(control, settings)
        self._used = _address_space()
        self._maps = memory.Maps()

    def _do_without_namespaces(self, refused: OSError) -> NoReturn:
        if self._settings["walls"] == "full":
            raise refused
        settings = json.dumps({**self._settings, "refused": str(refused)})
        control = fcntl.fcntl(self._control, fcntl.F_DUPFD, zygote.FIRST_OTHER)
        script = os.path.join(os.path.dirname(__file__), "landlock_zygote.py")
        # Nothing has begun yet; what the other script needs is not loaded in the usual way.
        os.execv(  # noqa: S606 - no shell
            sys.executable, [*sys.orig_argv[:-2], script, str(control), settings]
        )

    def _gather(self) -> root.Root:
        return python_root.gather(self._settings.pop("workspaces"), self._settings["packages"])

    def _preload(self) -> None:
        self._preload_packages(python_root.PACKAGES)

    def _preload_packages(self, folder: str) -> None:
        """Make the environment's packages importable, and import those that are to be shared."""
        if self._settings["packages"] is not None:
            sys.path.append(folder)
            # Threads do not survive a fork; numerical libraries start some when they are imported.
            os.environ.update(_ONE_THREAD)
            for name in self._settings["preload"]:
                importlib.import_module(name)
        self._maps.merge()
        self._maps.pack_code()
        self._maps.close()

    def _make_ready(self) -> None:
        first, second = (
            seccomp.Filter(seccomp.assemble(stage, syscalls.MACHINE))
            for stage in seccomp_table.stages(syscalls.MACHINE)
        )
        self._fork_into(Child(self._settings, second))
        syscalls.do([first.installation])

    def _fork_into(self, child: Child) -> None:
        self._child = child
        self._live = child.live
        memory = self._used + self._settings["memory_mb"] * 1_048_576
        zygote.limit_resources(self._settings, resource.RLIMIT_AS, memory)

    def _warm_up(self, times: int) -> None:
        self._child.warm_up(times)

    def _pack(self) -> None:
        _HEAP.pack()


def _address_space() -> int:
    with open("/proc/self/statm", encoding="utf-8") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    zygote.run(PythonZygote, int(sys.argv[1]))
