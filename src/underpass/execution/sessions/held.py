"""One sandbox's process between runs: stopped, so that it neither computes nor writes unwatched."""

from __future__ import annotations

import math
import os
import resource
import select
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from underpass.errors import SandboxUnavailable
from underpass.sandbox.lease import Lease


class ProcessLease(Lease, Protocol):
    """A guest that is one process of this machine."""

    dies_with_host: bool
    """Whether the kernel ends it when our own process ends, whatever it is doing."""

    @property
    def process(self) -> int:
        """Its number."""
        ...


class HeldProcess:
    """A leased sandbox that serves several runs.

    Raises ``SandboxUnavailable`` where the system cannot stop a process without mistaking it for another.
    """

    def __init__(self, lease: ProcessLease) -> None:
        self.lease = lease
        self._handle: int | None = None
        self._clock = (~lease.process << 3) | 2
        """Linux's number of another process's CPU clock."""
        if not hasattr(os, "pidfd_open"):
            raise SandboxUnavailable("sessions need Linux", hint="run the program without a session")
        # One that has ended already is found out by whoever talks to it.
        with suppress(ProcessLookupError):
            self._handle = os.pidfd_open(lease.process)

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        if self._handle is None:
            return True
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(0))

    def cpu(self) -> float:
        """Return the seconds of processor time that it has used."""
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0

    def memory(self) -> int:
        """Return the bytes of memory that it has now, those included that it shares with other sandboxes."""
        try:
            statm = Path(f"/proc/{self.lease.process}/statm").read_text(encoding="ascii")
        except OSError:
            return 0
        return int(statm.split()[1]) * resource.getpagesize()

    def pause(self) -> None:
        """Stop the process. One that would then stay when we are killed only waits for its next program."""
        if self.lease.dies_with_host:
            self._signal(signal.SIGSTOP)

    def resume(self, cpu_seconds: int) -> None:
        """Let the process go on, and tell its program after ``cpu_seconds`` more that they are used up."""
        with suppress(OSError):
            _, most = resource.prlimit(self.lease.process, resource.RLIMIT_CPU)
            soft = math.ceil(self.cpu()) + cpu_seconds
            resource.prlimit(self.lease.process, resource.RLIMIT_CPU, (soft, most))
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """End the process and close its channel."""
        self.lease.channel.finished = False
        self.lease.release()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _signal(self, number: signal.Signals) -> None:
        if self._handle is not None:
            with suppress(OSError):
                signal.pidfd_send_signal(self._handle, number)
