"""``Underpass`` as one tenant sees it: its own agents, by their own names, and nothing of anybody else's."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

import anyio.to_thread

from underpass import Underpass
from underpass.broker.approvals import Answer, Ask, OnlyAsked
from underpass.broker.approvals.waiting import OpenQuestion, OpenQuestions
from underpass.broker.audit.reading import Filter, youngest
from underpass.broker.journal import CallRecord, RunRecord
from underpass.broker.journal.store import RunState
from underpass.errors import ConfigError, PermissionDenied, UnderpassError, ValidationFailed
from underpass.execution.host import OnProgress
from underpass.execution.result import RunResult
from underpass.execution.runner import new_run_id
from underpass.execution.sessions import SessionInfo
from underpass.metrics.figures import Recommendation
from underpass.server.problem import Refused, missing
from underpass.server.tenancy.desk import DeskRun, RunDesk, Work
from underpass.server.tenancy.elsewhere import events_elsewhere
from underpass.server.tenancy.events import Event
from underpass.server.tenancy.files import AgentFiles
from underpass.server.tenancy.history import History, RunFacts
from underpass.server.tenancy.names import TenantNames
from underpass.server.tenancy.notes import Notes
from underpass.workspace.checkpoints import Checkpoint, Difference
from underpass.workspace.checkpoints.checkpoints import Restored
from underpass.workspace.kept import KeptResult, KeptResults

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What ``Underpass.run`` is asked for, with the agent by its name outside."""

    code: str
    agent: str
    options: Mapping[str, Any]
    """The other arguments, by name."""
    is_attended: bool
    """Whether questions about its calls wait for an answer."""
    ask: Ask | None = None
    """Who is asked; None for whoever follows the run."""
    on_progress: OnProgress | None = None


class TenantView:
    """What one tenant can do and see. All names of agents that it takes and gives are the tenant's own.

    Parameters:
        up: the whole.
        desk: the runs that go on.
        tenant: None for the operator, who sees everything.
    """

    def __init__(self, up: Underpass, desk: RunDesk, tenant: str | None) -> None:
        self._up = up
        self._desk = desk
        self.names = TenantNames(tenant)
        self.settings = up.settings
        self.directory = up.directory
        self.history = History(up.state / "journal", self.names)
        self._workspaces = up.state.parent / "workspace"
        self._kept = KeptResults(self._workspaces)
        self._notes = Notes(up.state, up.journal.presence)

    # Runs

    def start(self, request: RunRequest, came_to: Callable[[RunResult], object] | None = None) -> DeskRun:
        """Start a run; the journal has it when this returns.

        Parameters:
            came_to: told of the result, if there is one.

        Raises:
            ValidationFailed, Overloaded
        """
        agent = self.names.inside(request.agent)
        run = new_run_id()

        async def work(begun: DeskRun) -> RunResult:
            cause = "Interrupted"
            try:
                result = await self._up.run(
                    request.code,
                    agent=agent,
                    on_progress=begun.progress,
                    on_call=begun.call,
                    ask=begun if request.is_attended else None,
                    run_id=run,
                    **request.options,
                )
            except UnderpassError as error:
                cause = error.type
                raise
            finally:
                self._up.journal.refuse(run, cause)
            if came_to is not None:
                came_to(result)
            return result

        begun = self._start(self._record(run, agent, request), work, request)
        begun.is_written = self._up.journal.accept(begun.record)
        return begun

    async def run_program(self, request: RunRequest) -> RunResult:
        """Run a program for who waits for it: it ends with them. Raises as ``Underpass.run``."""
        results: list[RunResult] = []
        begun = self.start(request, results.append)
        try:
            await begun.wait()
        except anyio.get_cancelled_exc_class():
            begun.scope.cancel()
            raise
        return results[0]

    async def resume(
        self, run: str, *, call_again: Sequence[int], assume_done: Mapping[int, Any], is_attended: bool
    ) -> DeskRun:
        """Continue a run that died. Raises as ``Underpass.resume``."""
        facts = await self.run(run)
        if self._desk.is_active(run):
            raise ValidationFailed(f"run {run} has not ended yet")
        self._up.journal.find(run)  # raises where there is nothing to resume

        async def work(begun: DeskRun) -> RunResult:
            return await self._up.resume(
                run,
                call_again=call_again,
                assume_done=assume_done,
                on_progress=begun.progress,
                ask=begun if is_attended else None,
            )

        return self._start(facts.record, work)

    def _start(self, record: RunRecord, work: Work, request: RunRequest | None = None) -> DeskRun:
        ask = None if request is None else request.ask
        begun = DeskRun(
            record,
            self.names.outside(record.agent),
            person=OnlyAsked(ask) if callable(ask) else ask,
            on_progress=None if request is None else request.on_progress,
        )
        self._desk.start(begun, work)
        return begun

    def _record(self, run: str, agent: str, request: RunRequest) -> RunRecord:
        options, limits = request.options, self.settings.run
        return RunRecord(
            run,
            time.time(),
            agent,
            options["language"],
            options["environment"],
            "program.ts" if options["language"] == "typescript" else "program.py",
            options["timeout"] or limits.timeout,
            options["max_tokens"] or limits.max_tokens,
            limits.check if options["check"] is None else options["check"],
            options["rollback_on_error"],
            request.code,
            options["session"],
        )

    def active(self, run: str) -> DeskRun | None:
        """Return a run that goes on, or that ended a while ago."""
        found = self._desk.find(run)
        return found if found is not None and self.names.owns(found.agent) else None

    async def cancel(self, run: str) -> bool:
        """End a run of the tenant's; returns whether it goes on, here or in another process that can be told.

        Raises ``Refused`` where the tenant has no such run.
        """
        if self.active(run) is not None:
            return self._desk.cancel(run)
        facts = await self.run(run)
        return facts.state == "running" and self._notes.leave(facts.record.host, run)

    async def events(self, run: str, after: int) -> AsyncGenerator[Event]:
        """Return what happens in a run, after the event of that number, until it has ended.

        Raises ``Refused`` where the tenant has no such run.
        """
        if (active := self.active(run)) is not None:
            return active.events.since(after)
        await self.run(run)

        async def look() -> tuple[RunFacts, list[CallRecord]]:
            facts = await self.run(run)
            return facts, await self._from_journal(lambda: self.history.calls(run))

        return events_elsewhere(look, after)

    async def runs(
        self, limit: int, *, agent: str | None, state: RunState | None, before: str | None
    ) -> list[RunFacts]:
        """Return some runs, the youngest first."""
        inside = None if agent is None else self.names.inside(agent)
        found = await self._from_journal(
            lambda: self.history.page(limit, agent=inside, state=state, before=before)
        )
        if before is not None or state not in {None, "unfinished"}:
            return found
        unwritten = [
            RunFacts(each.record, "running")
            for each in self._desk.going()
            if not each.is_written and self.names.owns(each.agent) and inside in {None, each.agent}
        ]
        return [*unwritten[:limit], *found]

    async def run(self, run: str) -> RunFacts:
        """Return a run. Raises ``Refused`` where the tenant has no such run."""
        found = await self._from_journal(lambda: self.history.find(run))
        if found is None and (active := self.active(run)) is not None:
            return RunFacts(active.record, "died" if active.done.is_set() else "running")
        if found is None:
            raise missing(f"there is no run {run:.60}", "GET /api/runs lists them")
        return found

    async def _from_journal(self, read: Callable[[], T]) -> T:
        self._up.journal.write()
        return await _readable(read, "the journal")

    # Tools

    async def call_tool(
        self, server: str, tool: str, arguments: Mapping[str, Any], agent: str, *, ask: Ask | None = None
    ) -> Any:
        """Call a tool as one of the tenant's agents. Raises ``ToolError``."""
        return await self._up.call_tool(server, tool, arguments, agent=self.names.inside(agent), ask=ask)

    @property
    def up(self) -> Underpass:
        """What all tenants have in common: servers, their tools, health, metrics."""
        return self._up

    # Workspaces

    def agents(self) -> list[str]:
        """Return the agents that have a workspace."""
        return [self.names.outside(name) for name in self._kept.agents() if self.names.owns(name)]

    def files(self, agent: str) -> AgentFiles:
        """Return an agent's files. Raises ``ValidationFailed``."""
        settings = self.settings.workspace
        folder = self._workspaces / self.names.inside(agent)
        return AgentFiles(folder, quota_mb=settings.quota_mb, max_files=settings.max_files)

    def checkpoints(self, agent: str) -> list[Checkpoint]:
        """Return an agent's checkpoints, the oldest first."""
        return self._up.checkpoints.list(self.names.inside(agent))

    def checkpoint(self, agent: str, name: str) -> Checkpoint:
        """Return one. Raises ``Refused`` where there is none."""
        found = next((each for each in self.checkpoints(agent) if each.name == name), None)
        if found is None:
            raise missing(f"agent {agent} has no checkpoint {name:.100}")
        return found

    def create_checkpoint(self, agent: str, name: str) -> Checkpoint:
        """Keep what an agent's workspace holds. Raises as ``Checkpoints.create``."""
        self._expect_workspace(agent)
        return self._up.checkpoints.create(self.names.inside(agent), name)

    def restore(self, agent: str, name: str) -> Restored:
        """Make an agent's files what they were. Raises as ``Checkpoints.restore``."""
        self._expect_workspace(agent)
        self.checkpoint(agent, name)
        return self._up.checkpoints.restore(self.names.inside(agent), name)

    def diff(self, agent: str, name: str, other: str | None) -> list[Difference]:
        """Return what has changed since a checkpoint, or up to another one."""
        self._expect_workspace(agent)
        for each in (name, other):
            if each is not None:
                self.checkpoint(agent, each)
        return self._up.checkpoints.diff(self.names.inside(agent), name, other)

    def _expect_workspace(self, agent: str) -> None:
        """Look before others do: their errors name the agents that there are, of all tenants."""
        if not (self._workspaces / self.names.inside(agent)).is_dir():
            raise missing(f"agent {agent} has no workspace", "its first run makes one")

    def delete_checkpoint(self, agent: str, name: str) -> None:
        """Forget a checkpoint."""
        self.checkpoint(agent, name)
        self._up.checkpoints.delete(self.names.inside(agent), name)

    # Results

    def results(self, agent: str) -> list[KeptResult]:
        """Return an agent's kept results, the newest first."""
        return self._kept.list(self.names.inside(agent))

    def result(self, agent: str, handle: str, most: int) -> tuple[KeptResult, bytes]:
        """Return one and what it holds. Raises ``ResultNotFound`` and ``ValidationFailed``."""
        return self._kept.read(self.names.inside(agent), handle, most=most)

    # Sessions

    def sessions(self) -> list[dict[str, Any]]:
        """Return the tenant's sessions."""
        return [self._session(each) for each in self._up.sessions() if self.names.owns(each.agent)]

    def end_session(self, agent: str, name: str) -> bool:
        """End one; returns whether there was one."""
        return self._up.end_session(name, agent=self.names.inside(agent))

    def _session(self, info: SessionInfo) -> dict[str, Any]:
        return asdict(info) | {"agent": self.names.outside(info.agent)}

    # Questions

    async def questions(self) -> list[dict[str, Any]]:
        """Return the questions about the tenant's calls that wait for an answer, the oldest first."""
        found = await anyio.to_thread.run_sync(OpenQuestions(self._up.state).list)
        return [self._question(each) for each in found if self.names.owns(each.kept.question.agent)]

    async def answer(self, question: str, answer: Answer) -> dict[str, Any]:
        """Answer one. Raises ``Refused`` where the tenant has no such question, or may not answer so."""
        if answer == "always" and self.names.prefix:
            error = PermissionDenied("a rule is for all tenants", hint="answer once, run or refuse")
            raise Refused(403, error)
        if all(each["id"] != question for each in await self.questions()):
            raise missing(f"no question {question:.60} waits for an answer", "GET /api/approvals lists them")
        found = await anyio.to_thread.run_sync(OpenQuestions(self._up.state).answer, question, answer)
        return self._question(found) | {"answer": answer}

    def _question(self, question: OpenQuestion) -> dict[str, Any]:
        shown = question.to_dict()
        return shown | {"agent": self.names.outside(shown["agent"])}

    # What is recorded

    async def audit(
        self, wanted: Mapping[str, str | None], since: datetime | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return the youngest rows of the trail about the tenant's agents, the oldest of them first.

        Parameters:
            wanted: ``run``, ``agent``, ``server``, ``tool`` and ``decision``; None for any.
        """
        chosen = dict(wanted)
        if (agent := chosen.get("agent")) is not None:
            chosen["agent"] = self.names.inside(agent)
        rows = _OfAgents(**chosen, since=since, names=self.names)
        folder = self._up.state / "audit"
        self._up.trail.write()
        found = await _readable(lambda: youngest(folder, rows, limit) if folder.is_dir() else [], "the trail")
        return [self._row(row) for row in found]

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        agent = row.get("agent")
        return {**row, "agent": self.names.outside(agent)} if isinstance(agent, str) else row

    async def statistics(self, what: str, since: datetime | None) -> Any:
        """Return figures of the tenant's runs.

        Parameters:
            what: ``summary``, ``by_day``, ``by_agent``, ``by_tool`` or ``by_server``.
        """
        read = getattr(self._up.statistics, what)
        found = await _readable(lambda: read(since, self.names.prefix or None), "the statistics")
        if what == "summary":
            return found.to_dict()
        shown = [each.to_dict() for each in found]
        return [
            each | {"agent": self.names.outside(each["agent"])} if "agent" in each else each for each in shown
        ]

    async def recommendations(self, since: datetime | None) -> list[dict[str, Any]]:
        """Return what would save the tenant the most."""

        def read() -> Sequence[Recommendation]:
            return self._up.statistics.recommendations(since, self.names.prefix or None)

        found = await _readable(read, "the statistics")
        return [each.to_dict() | {"subject": self.names.outside(each.subject)} for each in found]


@dataclass(frozen=True, slots=True)
class _OfAgents(Filter):
    """Rows about a tenant's agents."""

    names: TenantNames = TenantNames(None)  # noqa: RUF009 - it never changes

    def wants(self, row: dict[str, Any]) -> bool:
        agent = row.get("agent")
        if self.names.prefix and not (isinstance(agent, str) and self.names.owns(agent)):
            return False
        return Filter.wants(self, row)


async def _readable(read: Callable[[], T], what: str) -> T:
    try:
        return await anyio.to_thread.run_sync(read)
    except OSError as error:
        raise ConfigError(f"{what} cannot be read: {error}") from error
