"""One session, and one run's turn in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import anyio

from underpass.execution.conversation import Outcome
from underpass.execution.result import SessionOfRun
from underpass.execution.sessions.held import HeldProcess
from underpass.execution.sessions.modules import ModulesOfSession
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.lease import Channel, Exit

_OUT_OF_LIMITS: Final = ("TimeLimit", "CpuLimit")
"""Ends in the middle of anything: a program's variables may contradict one another."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session, as ``Underpass.sessions`` shows it."""

    name: str
    agent: str
    language: str
    environment: str | None
    """Its packages, by the name in ``underpass.toml``."""
    busy: bool
    """Whether a run is going on in it."""
    runs: int
    """How many there have been."""
    idle_seconds: float
    """Since the end of the last; 0 where one is going on."""
    memory_bytes: int
    """What its process has now, including what it shares with other sandboxes."""


class Session:
    """What is kept between runs of one agent under one name."""

    def __init__(self, agent: str, name: str, modules: ModulesOfSession) -> None:
        self.agent = agent
        self.name = name
        self.modules = modules
        self.turn = anyio.Lock()
        self.waiting = 0
        """Runs that wait for their turn."""
        self.live = False
        """Whether it has a sandbox, or is about to."""
        self.held: HeldProcess | None = None
        self.environment: SandboxEnvironment | None = None
        self.language = ""
        self.label = ""
        """What results call its sandbox."""
        self.shadowed: set[str] = set()
        """Names of the language's own that its programs have declared."""
        self.runs = 0
        self.since = 0.0
        """When the last run ended."""

    @property
    def busy(self) -> bool:
        """Whether a run has its turn, or will have it at once."""
        return self.turn.locked() or self.waiting > 0


class Turn:
    """One run's turn in a session. To the road of a run it is the lease of a sandbox.

    Parameters:
        session: it has a process.
        new: whether no program has run in it.
        leave: called at the end, with whether the session goes on.
    """

    def __init__(
        self, session: Session, held: HeldProcess, *, new: bool, leave: Callable[[Turn], None]
    ) -> None:
        self.session = session
        self.new = new
        self.lost = False
        """Whether the variables are gone; known after ``release``."""
        self.cpu_before = held.cpu()
        """Seconds of processor time that earlier runs have used."""
        self.held = held
        self.channel: Channel = held.lease.channel
        self._leave = leave
        self._begun = False
        self._sound = False
        self._killed = False

    async def ended(self) -> Exit:
        """Wait for the end of the guest's process."""
        return await self.held.lease.ended()

    def limit_file_size(self, size: int) -> None:
        """Let no file that the guest writes grow beyond ``size`` bytes from now on."""
        self.held.lease.limit_file_size(size)

    def kill(self) -> None:
        """End the guest, whatever it is doing; the session is lost by that."""
        self._killed = True
        self.held.lease.kill()

    def release(self) -> None:
        """Keep the guest for the next run, or end it where this run did not come to its own end."""
        self.lost = self._killed or (self._begun and not self._sound)
        self._leave(self)

    async def frame(self, filename: str) -> dict[str, Any]:
        """Return what the guest is told besides what every guest is."""
        path = PurePath(filename)
        number = self.session.runs + 1
        # Each has a name of its own: tracebacks show lines of functions that earlier ones have defined.
        named = filename if number == 1 else f"{path.stem}-{number}{path.suffix}"
        return {"session": True, "filename": named, "changed": await self.session.modules.changed()}

    def begin(self, cpu_seconds: int) -> None:
        """Let the guest go on for one more program."""
        self._begun = True
        self.session.runs += 1
        self.channel.finished = False
        self.held.resume(cpu_seconds)

    def note(self, outcome: Outcome) -> None:
        """Learn how the run ended."""
        done = outcome.done
        cut_off = done is not None and done.error is not None and done.error.get("type") in _OUT_OF_LIMITS
        self._sound = done is not None and not cut_off and not self.channel.torn

    def told(self) -> SessionOfRun:
        """Return what the run's result says of the session."""
        return SessionOfRun(self.session.name, new=self.new, lost=self.lost)
