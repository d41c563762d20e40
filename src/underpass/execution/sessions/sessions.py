"""All sessions: bounded in number and memory, ended when nobody has used them for a while."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Final, Protocol

import anyio
from anyio import to_thread

from underpass.background import Background
from underpass.config import SessionSettings
from underpass.errors import Overloaded, ValidationFailed
from underpass.execution.agent_modules import AgentModules
from underpass.execution.modules import GeneratedModules
from underpass.execution.sessions.held import HeldProcess, ProcessLease
from underpass.execution.sessions.modules import ModulesOfSession
from underpass.execution.sessions.notice import Notice
from underpass.execution.sessions.turn import Session, SessionInfo, Turn
from underpass.sandbox.environment import SandboxEnvironment
from underpass.skills.loading.programs import SkillPrograms
from underpass.skills.loading.python import PythonSkills
from underpass.workspace.folders import is_name

_MB: Final = 1_048_576
_SPELLED: Final = {"python": "Python", "typescript": "TypeScript"}
_MOST_WAITING: Final = 8
"""Runs that may wait for their turn in one session."""
_GRACE: Final = 1.0
"""Seconds of processor time that a program has to heed its soft limit."""
_SHORTEST_LOOK: Final = 0.05
"""Seconds between looks at a program's processor time."""


class Place(Protocol):
    """Where sessions get their processes."""

    label: str
    """Its name in results."""

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> ProcessLease:
        """Return a guest in ``agent``'s workspace. Raises as ``Sandbox.lease``."""
        ...


class Sessions(Background):
    """The sessions of all agents. It is open for as long as there can be runs.

    Parameters:
        places: where the processes of each language come from.
        modules: generated modules.
        settings: how many there may be, how large, and for how long.
        cpu_seconds: the processor time of one run.
        notice: tells other processes which sessions there are.
        clock: seconds, from any start.
        skills: the skills of all agents.
    """

    def __init__(
        self,
        places: Mapping[str, Place],
        modules: GeneratedModules,
        settings: SessionSettings,
        *,
        cpu_seconds: int,
        notice: Notice,
        clock: Callable[[], float] = time.monotonic,
        skills: PythonSkills | None = None,
    ) -> None:
        self._places = places
        self._modules = modules
        self._skills = skills or PythonSkills(SkillPrograms())
        self._settings = settings
        self._cpu_seconds = cpu_seconds
        self._notice = notice
        self._clock = clock
        self._sessions: dict[tuple[str, str], Session] = {}
        self._some_idle = anyio.Event()
        self._news = anyio.Event()
        """Set where other processes are to learn something."""
        self._watches: dict[Turn, anyio.CancelScope] = {}

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for session in list(self._sessions.values()):
            _end(session)
        await super().__aexit__(kind, error, trace)

    async def _finish(self) -> None:
        self._notice.remove()

    @property
    def kept(self) -> int:
        """How many sessions there are, those included that are about to expire."""
        return sum(session.held is not None for session in list(self._sessions.values()))

    def list(self) -> list[SessionInfo]:
        """Return the sessions that there are, the longest unused first."""
        self.expire()
        live = [session for session in self._sessions.values() if session.held is not None]
        return [self._info(session) for session in sorted(live, key=lambda each: each.since)]

    def end(self, agent: str, name: str) -> bool:
        """End a session, and a run that is going on in it; returns whether there was one."""
        session = self._sessions.get((agent, name))
        if session is None or session.held is None:
            return False
        if session.turn.locked():
            session.held.lease.kill()
        else:
            self._end_idle(session)
            self._tell()
        return True

    def expire(self) -> float | None:
        """End the sessions whose time is over; returns the seconds until that of the next is."""
        now = self._clock()
        nearest: float | None = None
        for session in list(self._idle()):
            left = session.since + self._settings.idle_seconds - now
            if left <= 0:
                self._end_idle(session)
            else:
                nearest = left if nearest is None else min(nearest, left)
        return nearest

    async def enter(
        self,
        agent: str,
        name: str,
        environment: SandboxEnvironment | None,
        *,
        patience: float,
        language: str = "python",
    ) -> Turn:
        """Wait for a turn in the session of that name, and begin it where there is none.

        Parameters:
            environment: the packages; a session has the same for all its runs.
            patience: seconds to wait for the end of other runs in it.
            language: a session has the same for all its runs.

        Raises:
            ValidationFailed: ``name`` or ``agent`` is no name, or the session has other packages or another
                language.
            Overloaded: the session is busy, or all sessions are.
            SandboxUnavailable: no sandbox is to be had.
        """
        if not is_name(name):
            raise ValidationFailed(
                f"a session cannot be called {name!r:.80}",
                hint="letters, digits, dots, hyphens and underscores, 64 at most, a letter or digit first",
            )
        self.expire()
        session = self._sessions.get((agent, name))
        if session is None:
            session = self._sessions[agent, name] = Session(agent, name, self._modules_of(agent))
        await self._wait_for(session, patience)
        try:
            if session.held is not None and session.held.has_ended:
                # The kernel ended it while it was idle, or a person did.
                _end(session)
            held = session.held or await self._begin(session, environment, language)
            _check_language(session, language)
            _check_environment(session, environment)
        except BaseException:
            self._leave(session)
            raise
        self._tell()
        return Turn(session, held, new=session.runs == 0, leave=self._leave_turn)

    def begin(self, turn: Turn) -> None:
        """Let the guest run the program of a turn, within its processor time."""
        turn.begin(self._cpu_seconds)
        self._watches[turn] = scope = anyio.CancelScope()
        self._tasks.start_soon(self._watch, turn, scope)

    async def _wait_for(self, session: Session, patience: float) -> None:
        if session.waiting >= _MOST_WAITING:
            raise _busy(session, f"{session.waiting} runs wait for it")
        session.waiting += 1
        try:
            with anyio.fail_after(patience):
                await session.turn.acquire()
        except TimeoutError:
            raise _busy(session, f"it was for {patience:g} s") from None
        finally:
            session.waiting -= 1
            self._forget_if_unused(session)

    async def _begin(
        self, session: Session, environment: SandboxEnvironment | None, language: str
    ) -> HeldProcess:
        while sum(each.live for each in self._sessions.values()) >= self._settings.max:
            self._end_oldest()
        session.live = True
        place = self._places[language]
        lease = await place.lease(session.agent, environment)
        try:
            session.held = HeldProcess(lease)
        except BaseException:
            lease.release()
            raise
        session.environment, session.runs = environment, 0
        session.language, session.label, session.shadowed = language, place.label, set()
        session.modules = self._modules_of(session.agent)
        return session.held

    def _modules_of(self, agent: str) -> ModulesOfSession:
        return ModulesOfSession(AgentModules(self._modules, self._skills, agent))

    def _end_oldest(self) -> None:
        oldest = min(self._idle(), key=lambda each: each.since, default=None)
        if oldest is None:
            raise Overloaded(
                f"all {self._settings.max} sessions are at work",
                hint="try again in a second, run without a session, or raise the setting sessions.max",
                retry_after=1.0,
            )
        self._end_idle(oldest)

    def _idle(self) -> Iterator[Session]:
        return (each for each in self._sessions.values() if each.held is not None and not each.busy)

    def _end_idle(self, session: Session) -> None:
        _end(session)
        self._forget_if_unused(session)

    def _leave_turn(self, turn: Turn) -> None:
        if (scope := self._watches.pop(turn, None)) is not None:
            scope.cancel()
        if turn.lost:
            _end(turn.session)
        else:
            turn.held.pause()
        self._leave(turn.session)
        self._bound_memory()
        self._tell()

    def _leave(self, session: Session) -> None:
        session.live = session.held is not None
        session.since = self._clock()
        session.turn.release()
        self._forget_if_unused(session)
        self._some_idle.set()

    def _forget_if_unused(self, session: Session) -> None:
        if session.held is None and not session.busy:
            self._sessions.pop((session.agent, session.name), None)

    def _bound_memory(self) -> None:
        """End the oldest idle sessions, as long as all together take too much."""
        sizes = {each: each.held.memory() for each in self._sessions.values() if each.held is not None}
        total = sum(sizes.values())
        for session in sorted(self._idle(), key=lambda each: each.since)[:-1]:
            if total <= self._settings.memory_mb * _MB:
                return
            total -= sizes[session]
            self._end_idle(session)

    async def _work(self) -> None:
        """Wake only when a session's time may be over: an idle session costs nothing."""
        self._tasks.start_soon(self._write)
        while True:
            if (left := self.expire()) is None:
                self._some_idle = anyio.Event()
                await self._some_idle.wait()
            else:
                await anyio.sleep(left)
                self._tell()

    async def _watch(self, turn: Turn, scope: anyio.CancelScope) -> None:
        """End a program that does not heed its soft limit of processor time."""
        limit = math.ceil(turn.cpu_before) + self._cpu_seconds + _GRACE
        cores = os.cpu_count() or 1
        with scope:
            while (left := limit - turn.held.cpu()) > 0:  # noqa: ASYNC110 - a clock sets no event
                await anyio.sleep(max(left / cores, _SHORTEST_LOOK))
            turn.kill()

    def _tell(self) -> None:
        """Let other processes know, soon: no run is to wait for a file."""
        self._news.set()

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            live = [self._info(each) for each in self._sessions.values() if each.held is not None]
            await to_thread.run_sync(self._notice.write, live)

    def _info(self, session: Session) -> SessionInfo:
        busy = session.turn.locked()
        return SessionInfo(
            session.name,
            session.agent,
            session.language,
            None if session.environment is None else session.environment.name,
            busy,
            session.runs,
            0.0 if busy else self._clock() - session.since,
            0 if session.held is None else session.held.memory(),
        )


def _end(session: Session) -> None:
    if session.held is not None:
        session.held.end()
        session.held, session.live = None, False


def _check_language(session: Session, language: str) -> None:
    if session.language != language:
        raise ValidationFailed(
            f"the programs of the session {session.name!r} are written in {_SPELLED[session.language]}",
            hint=f"use another session for {_SPELLED[language]}: the languages share no variables",
        )


def _check_environment(session: Session, environment: SandboxEnvironment | None) -> None:
    if session.environment != environment:
        now = "no environment" if session.environment is None else repr(session.environment.name)
        raise ValidationFailed(
            f"the session {session.name!r} has {now}",
            hint="name the same environment in each of its runs, or use another session",
        )


def _busy(session: Session, why: str) -> Overloaded:
    return Overloaded(
        f"the session {session.name!r} is busy: {why}",
        hint="wait for the end of its run, or use another session",
        retry_after=1.0,
    )
