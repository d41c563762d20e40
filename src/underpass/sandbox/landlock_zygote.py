"""The zygote where namespaces are forbidden: Landlock and seccomp are all the walls there are.

A script that ``python_zygote.py`` becomes when the kernel refuses it namespaces. Children share the host's
process ids, file system and network, and are kept from them by two layers of Landlock rules (what no
sandbox may see; what is this one's own) and by a narrower table of system calls.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any, Final

_SOURCE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, _SOURCE)

from underpass.guest.channel import Closed
from underpass.sandbox import child, zygote
from underpass.sandbox.kernel import landlock, python_root, seccomp, seccomp_shared, syscalls
from underpass.sandbox.python_zygote import PythonZygote

sys.path.remove(_SOURCE)


class LandlockZygote(PythonZygote):
    """Forks sandboxes that have no namespaces of their own."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        super().__init__(control, settings)
        self._removed = itertools.count()
        self._folder = ""

    def enter(self) -> None:
        """Make ready whatever is the same for every child."""
        settings = self._settings
        if (version := landlock.abi()) < landlock.ALONE_SINCE:
            raise OSError(
                f"{settings['refused']}; without namespaces, landlock of version {landlock.ALONE_SINCE} "
                f"(Linux 6.2) or newer is needed, and here is {version or 'none'}"
            )
        # The rules see the path of a place, and children must come there as the user that they are.
        self._folder = tempfile.mkdtemp(prefix="underpass-", dir=settings["tmp"])
        self.ready |= {"folder": self._folder, "refused": settings["refused"]}
        os.chown(self._folder, settings["owner"], -1)
        if os.geteuid() == 0:
            os.setresgid(settings["owner"], settings["owner"], settings["owner"])
            os.setresuid(settings["owner"], settings["owner"], settings["owner"])
        libraries = python_root.library_paths()
        packages = [settings["packages"]] if settings["packages"] else []
        for path in (*libraries, *packages, settings["workspaces"], self._folder):
            # The folder of workspaces is passed through, and its names are nobody's business.
            if not os.access(path, os.X_OK if path == settings["workspaces"] else os.R_OK | os.X_OK):
                raise OSError(f"{settings['refused']}; without namespaces, {_NOT_READABLE.format(path)}")
        self._preload_packages(settings["packages"])
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        syscalls.prctl(syscalls.PR_SET_MDWE, syscalls.PR_MDWE_REFUSE_EXEC_GAIN)
        outer = landlock.ruleset(
            [*python_root.not_installed(libraries), *python_root.devices(), *packages],
            [settings["workspaces"], self._folder],
            libraries,
        )
        inner = landlock.Template([*libraries, *python_root.devices(), *packages])
        program = seccomp.assemble(seccomp_shared.rules(syscalls.MACHINE), syscalls.MACHINE)
        self._fork_into(LandlockChild(settings, seccomp.Filter(program), self._folder, outer, inner))
        self._clone = syscalls.Cloner(0)

    def _reap(self) -> None:
        before = set(self._children)
        super()._reap()
        for process in before - self._children:
            self._remove(f"{self._folder}/{process}")

    def _remove(self, folder: str) -> None:
        """Remove the files of a child that has ended; when there are any, in a process of its own."""
        with contextlib.suppress(FileNotFoundError):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                raise
            except OSError:
                self._remove_all(folder)

    def _remove_all(self, folder: str) -> None:
        # The child's number may soon be another's.
        gone = f"{self._folder}/ended-{next(self._removed)}"
        os.rename(folder, gone)
        if self._clone() == 0:
            try:
                syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
                shutil.rmtree(gone, ignore_errors=True)
            finally:
                os._exit(0)

    def end(self) -> None:
        super().end()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


class LandlockChild(child.Child):
    """Locks the door without having a house of its own."""

    def __init__(
        self,
        settings: dict[str, Any],
        seccomp_filter: seccomp.Filter,
        folder: str,
        outer: int,
        inner: landlock.Template,
    ) -> None:
        super().__init__(settings, seccomp_filter)
        self._zygote = os.getpid()
        self._folder = folder
        self._workspaces = settings["workspaces"]
        self._fill_in = seccomp_filter.fill_in(seccomp_shared.ITSELF)
        self._restrict_outer = (syscalls.step("landlock_restrict_self", outer, 0),)
        self._inner = inner

    def _prepare(self) -> None:
        process = os.getpid()
        folder = f"{self._folder}/{process}"
        os.mkdir(folder, 0o700)
        os.environ["TMPDIR"] = folder
        self._fill_in(process)
        syscalls.do(self._restrict_outer)
        rules = self._inner.create()
        self._inner.allow_writing(rules, folder)
        os.dup2(rules, zygote.RULESET, inheritable=False)
        syscalls.do(self._detachment)
        if os.getppid() != self._zygote:
            # It ended before we asked for a signal at its end.
            raise Closed
        syscalls.do(self._limits)

    def _lock(self, agent: str) -> None:
        workspace = f"{self._workspaces}/{agent}"
        self._inner.allow_writing(zygote.RULESET, workspace)
        os.chdir(workspace)
        self._guest.move(workspace)
        syscalls.do(self._surrender)


_NOT_READABLE: Final = "the user of the sandbox must be able to read {}"


if __name__ == "__main__":
    zygote.run(LandlockZygote, int(sys.argv[1]), json.loads(sys.argv[2]))
