"""Runs each recorded case in a sandbox of its own, with recorded answers and no files of any agent."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import anyio
from anyio import to_thread

from underpass.broker.resources import request_definition
from underpass.catalog.definition import ToolDefinition
from underpass.config import RunSettings
from underpass.discovery.directory import ListingSource
from underpass.errors import Overloaded, ServerNotFound, ToolNotFound, UnderpassError
from underpass.execution import failure
from underpass.execution.agent_modules import AgentModules
from underpass.execution.clock import Clock
from underpass.execution.conversation import Conversation, Outcome
from underpass.execution.language import Language
from underpass.execution.modules import GeneratedModules
from underpass.sandbox.lease import Lease
from underpass.skills.loading.programs import SkillPrograms
from underpass.skills.loading.python import PythonSkills
from underpass.skills.rehearsal.answers import Definitions, RecordedAnswers
from underpass.skills.rehearsal.comparison import difference
from underpass.skills.rehearsal.program import program_of
from underpass.skills.seams import CaseResult, SkillSource
from underpass.skills.skill import Case, RecordedCall, Skill, SkillDraft, SkillEntry
from underpass.workspace.quota import WorkspaceQuotas

_AT_ONCE: Final = 2
"""Cases that run at the same time: programs that people wait for come first."""
_LONGEST: Final = 120.0
"""Seconds for all cases of a skill."""
_PATIENCE: Final = 30.0
"""Seconds that a case waits for a sandbox."""
_DEATH: Final = 5.0
"""Seconds that the kernel has to end a process; it takes far less than one."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a case came to."""

    value: Any = None
    detail: str = ""
    """Why it failed, in one line; empty where it did not."""
    used: tuple[RecordedCall, ...] = ()
    """The recorded calls that it made, in their order."""
    unused: tuple[RecordedCall, ...] = ()
    """The recorded calls that it did not make."""


class CatalogDefinitions:
    """The tools as the servers list them now."""

    def __init__(self, source: ListingSource) -> None:
        self._source = source

    async def find(self, server: str, tool: str) -> ToolDefinition:
        """Return a tool, or what stands for a request for resources or prompts."""
        if server not in self._source.names:
            raise ServerNotFound.named(server, self._source.names)
        listing = await self._source.listing(server)
        for definition in listing.tools:
            if definition.name == tool:
                return definition
        if (request := request_definition(server, tool)) is not None:
            return request[0]
        raise ToolNotFound.named(server, tool, (each.name for each in listing.tools))


class SandboxRehearsal:
    """Rehearses in the sandboxes of ordinary runs.

    No tool is called, no run is recorded, and the files that a skill writes are gone afterwards.

    Parameters:
        languages: makes those that programs are written in, given the skills that cases can import.
        modules: generated modules.
        skills: those that a case can import.
        source: says what the tools are now.
        workspaces: the folder that holds a folder for each agent; one case has one for a moment.
        quotas: of these folders.
        settings: the limits of a run.
    """

    def __init__(
        self,
        languages: Callable[[PythonSkills], Sequence[Language]],
        *,
        modules: GeneratedModules,
        skills: SkillSource,
        source: ListingSource,
        workspaces: Path,
        quotas: WorkspaceQuotas,
        settings: RunSettings,
    ) -> None:
        self._agents: dict[str, str] = {}
        """Whose skills the cases that run now see, by the agents that they run as."""
        # Without admission: nobody waits for cases within cases.
        self._skills = PythonSkills(SkillPrograms(_Borrowed(skills, self._agents)))
        self._languages = {language.name: language for language in languages(self._skills)}
        self._modules = modules
        self._definitions: Definitions = CatalogDefinitions(source)
        self._workspaces = workspaces
        self._quotas = quotas
        self._settings = settings
        token = secrets.token_hex(4)
        # Few names, for what is remembered of agents is remembered by name.
        self._free = [f"rehearsal-{token}-{number}" for number in range(_AT_ONCE)]
        self._room = anyio.Semaphore(_AT_ONCE)

    async def rehearse(self, draft: SkillDraft, agent: str = "") -> Sequence[CaseResult]:
        """Run all cases of ``draft``; a case that there was no time for has failed.

        Parameters:
            agent: whose library the cases may import from, besides the project's and the user's.

        A case passes when its result is the recorded one and it made the recorded calls, all of them and no
        others, with arguments that the tools take now.

        Raises:
            SandboxUnavailable, Overloaded: no sandbox is to be had.
        """
        results: list[CaseResult] = []
        deadline = anyio.current_time() + _LONGEST
        for case in draft.cases:
            left = deadline - anyio.current_time()
            if left <= 0:
                results.append(CaseResult(case, False, f"the cases before it took {_LONGEST:g} s"))
                continue
            done = await self.run(draft, case, agent, seconds=left)
            results.append(CaseResult(case, not (detail := verdict(case, done)), detail))
        return results

    async def run(
        self, draft: SkillDraft, case: Case, agent: str = "", *, seconds: float = _LONGEST
    ) -> Rehearsed:
        """Run one case and say what it came to, whatever was expected of it.

        Parameters:
            agent: as for ``rehearse``.
            seconds: that it may take, where the setting ``run.timeout`` does not allow less.
        """
        if (language := self._languages.get(draft.language)) is None:
            return Rehearsed(detail=f"no program can be written in {draft.language!r}")
        async with self._room:
            name = self._free.pop()
            self._agents[name] = agent or name
            try:
                return await self._run(language, name, draft, case, min(seconds, self._settings.timeout))
            finally:
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(_remove, self._workspaces / name)
                self._free.append(name)

    async def _run(
        self, language: Language, agent: str, draft: SkillDraft, case: Case, seconds: float
    ) -> Rehearsed:
        try:
            program = program_of(draft, case.arguments)
        except UnderpassError as error:
            return Rehearsed(detail=error.message)
        lease = await self._lease(language, agent)
        quota = self._quotas.watch(agent, lease)
        answers = RecordedAnswers(
            case.calls,
            self._definitions,
            AgentModules(self._modules, self._skills, agent),
            {"workspace_room": quota.room},
        )
        try:
            await quota.begin()
            outcome = await self._talk(
                language, lease, answers, agent=agent, program=program, seconds=seconds
            )
        except UnderpassError as error:
            outcome = Outcome(error=error)
        finally:
            with anyio.CancelScope(shield=True):
                await _end(lease)
            quota.leave()
        if quota.error is not None:
            outcome.error = quota.error
        detail = answers.problem or _problem(outcome, asdict(self._settings) | {"timeout": seconds})
        value = None if outcome.done is None else outcome.done.value
        return Rehearsed(value, _line(detail), tuple(answers.used), tuple(answers.unused))

    async def _lease(self, language: Language, agent: str) -> Lease:
        """Lease a sandbox, and do not wait long: who waits for this may hold the one that is waited for."""
        with anyio.move_on_after(_PATIENCE):
            return await language.sandbox.lease(agent)
        raise Overloaded(
            f"no sandbox was free for the cases of a skill within {_PATIENCE:g} s",
            hint="try again in a second",
            retry_after=1.0,
        )

    async def _talk(
        self,
        language: Language,
        lease: Lease,
        answers: RecordedAnswers,
        *,
        agent: str,
        program: str,
        seconds: float,
    ) -> Outcome:
        conversation = Conversation(
            lease,
            answers,
            clock=Clock(seconds),
            output_bytes=self._settings.output_bytes,
            keeps_time=language.keeps_time,
        )
        frame = await language.frame(program, agent)
        return await conversation.hold(
            {
                "run": agent,
                "filename": "case.ts" if language.name == "typescript" else "case.py",
                "timeout": seconds,
                "max_value": self._settings.result_bytes,
                **frame,
            }
        )


class _Borrowed:
    """Skills as other agents see them."""

    def __init__(self, source: SkillSource, agents: Mapping[str, str]) -> None:
        self._source = source
        self._agents = agents

    def find(self, name: str, agent: str, version: str | None = None) -> Skill:
        return self._source.find(name, self._agents.get(agent, agent), version)

    def entries(self, agent: str) -> Sequence[SkillEntry]:
        return self._source.entries(self._agents.get(agent, agent))


def verdict(case: Case, done: Rehearsed) -> str:
    """Return why a case has failed, in one line; empty where it has not."""
    if done.detail:
        return done.detail
    if (where := difference(case.result, done.value)) is not None:
        return _line(where)
    if done.unused:
        call = done.unused[0]
        return _line(f"it did not call {call.server}.{call.tool}, and the recorded run did")
    return ""


def _problem(outcome: Outcome, limits: Mapping[str, Any]) -> str:
    if outcome.error is not None:
        error = failure.host_error(outcome.error, 0, cpu_seconds=limits["cpu_seconds"])
    elif outcome.done is None:
        return "it ended without a value"
    elif outcome.done.error is not None or outcome.done.refused:
        error = failure.guest_error(outcome.done.error or {"type": failure.FILE_SIZE}, 0, limits)
    elif outcome.done.problems:
        error = failure.unexpressed(outcome.done.problems, 0)
    else:
        return ""
    return f"{error.type}: {error.message}"


def _line(text: str) -> str:
    return " ".join(text.split())[:500]


async def _end(lease: Lease) -> None:
    """End the guest, and wait until it writes no more."""
    lease.kill()
    with anyio.move_on_after(_DEATH):
        await lease.ended()
    lease.release()


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
