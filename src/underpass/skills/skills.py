"""``Skills``: everything that can be done with skills, as a library user sees it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import anyio.to_thread

from underpass.broker.approvals import Ask
from underpass.broker.journal import Journal
from underpass.catalog.catalog import Catalog
from underpass.discovery.directory import ToolDirectory
from underpass.errors import SkillError, SkillInvalid, SkillNotFound
from underpass.execution.result import RunResult
from underpass.execution.runner import new_run_id
from underpass.skills.asking import AnswersAboutSkills
from underpass.skills.drafts import Drafts, GivenCase, Request
from underpass.skills.drift import Drift, DriftAdmission
from underpass.skills.library.library import SkillLibrary
from underpass.skills.mcp.offers import SkillOffers
from underpass.skills.promotion.candidates import Candidate
from underpass.skills.promotion.evidence import CallReader, CallsLost
from underpass.skills.promotion.promotion import Promotion
from underpass.skills.rehearsal import SandboxRehearsal
from underpass.skills.rehearsal.program import ALONE, program_of, typescript_call
from underpass.skills.seams import CaseResult, FinishedRun, Question
from underpass.skills.search.hit import SkillHit
from underpass.skills.search.search import SkillSearch
from underpass.skills.skill import Case, Language, RecordedCall, Scope, Skill, SkillDraft, SkillEntry, Status
from underpass.skills.usage import Figures, SkillUsage

_DEFAULT: Final = "default"
_IMPORTING: Final = "import json\nfrom "
"""How a program begins that calls a skill from outside."""


class Runs(Protocol):
    """Runs programs by the ordinary road."""

    async def __call__(
        self, code: str, *, agent: str, language: str, ask: Ask | None = None, run_id: str | None = None
    ) -> RunResult:
        """See ``Underpass.run``."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """A skill with what is known of it."""

    skill: Skill
    entry: SkillEntry | None
    """Its line in the listing; None for an older version, or one that is hidden by another."""
    versions: Sequence[str]
    figures: Figures
    """Of this version."""
    drifts: tuple[Drift, ...] = ()
    """How its tools differ from those that it was tested with."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of the cases of one skill."""

    name: str
    version: str
    results: Sequence[CaseResult] = ()
    drifts: tuple[Drift, ...] = ()
    problem: str | None = None
    """Why it cannot be used, or its cases could not be run."""

    @property
    def ok(self) -> bool:
        """Whether it can be used. A skill without cases can, while its tools are the same."""
        if self.problem is not None or not all(result.passed for result in self.results):
            return False
        return bool(self.results) or not self.drifts


@dataclass(frozen=True, slots=True)
class Parts:
    """What ``Skills`` is made of."""

    library: SkillLibrary
    search: SkillSearch
    usage: SkillUsage
    rehearsal: SandboxRehearsal
    admission: DriftAdmission
    promotion: Promotion


class Skills:
    """The skills of all agents, of the project and of the user.

    Parameters:
        parts: what does the work.
        catalog: the servers.
        directory: where their tools are found.
        journal: what runs did.
        run: runs a program.
        state: the state folder.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        catalog: Catalog,
        directory: ToolDirectory,
        journal: Journal,
        run: Runs,
        state: Path,
    ) -> None:
        self.library = parts.library
        self.usage = parts.usage
        self.rehearsal = parts.rehearsal
        self.admission = parts.admission
        self.promotion = parts.promotion
        self.finder = parts.search
        self.offers = SkillOffers(catalog, parts.library, state / "skills")
        """What connected servers offer over MCP; nothing of it is used before it is approved."""
        self._drafts = Drafts(catalog, parts.rehearsal)
        self._directory = directory
        self._journal = journal
        self._run = run
        self._state = state

    async def list(self, agent: str = _DEFAULT) -> list[SkillHit]:
        """Return all skills that ``agent`` sees, by name; those that cannot be used say why."""
        return await self.finder.list(agent)

    async def search(
        self, query: str, agent: str = _DEFAULT, *, limit: int = 10, language: Language | None = None
    ) -> list[SkillHit]:
        """Return the skills that fit ``query`` best, the best first.

        Parameters:
            query: words for one step of a task.
            limit: how many, 50 at most.
            language: only skills that programs in it can import. Default: of both.
        """
        return await self.finder.search(query, agent, limit=limit, language=language)

    async def show(
        self,
        name: str,
        agent: str = _DEFAULT,
        version: str | None = None,
        *,
        scope: Scope | None = None,
        waiting: bool = False,
    ) -> Shown:
        """Return one skill with its versions, its figures, and how its tools have changed.

        Parameters:
            scope: of this library; by default of the nearest that has it.
            waiting: prefer what waits for approval to what is in use.

        Raises:
            SkillNotFound, SkillInvalid
        """

        def read() -> tuple[Skill, SkillEntry | None, Sequence[str], Figures]:
            skill = self.library.look(name, agent, version, scope=scope, waiting=waiting)
            entries = [*self.library.entries(agent), *self.library.waiting(agent)]
            entry = next((each for each in entries if each.digest == skill.digest), None)
            versions: Sequence[str] = ()
            with suppress(SkillNotFound):
                versions = self.library.versions(name, agent)
            return skill, entry, versions, self.usage.of(skill.name, skill.digest)

        skill, entry, versions, figures = await anyio.to_thread.run_sync(read)
        return Shown(skill, entry, versions, figures, await self.admission.look(skill))

    async def save(
        self,
        name: str,
        description: str,
        code: str,
        *,
        language: Language = "python",
        entrypoint: str | None = None,
        cases: Iterable[Mapping[str, Any]] = (),
        examples: str = "",
        pitfalls: str = "",
        tags: Iterable[str] = (),
        scope: Scope = "agent",
        agent: str = _DEFAULT,
        ask: Ask | None = None,
    ) -> Skill:
        """Save a module as a skill; an older version of it stays loadable.

        Parameters:
            name: with hyphens or underscores.
            description: what it does and when to use it.
            code: the module: a typed async function with a docstring, and what it needs.
            entrypoint: the function's name; by default the skill's, or the only public async function.
            cases: each with ``arguments``, and ``result`` where it is known. Each is run once by the ordinary
                road, with real calls of tools, to record what these answer; a ``result`` that differs is an
                error.
            scope: whose library.
            agent: whose library it is for the scope ``agent``, and who makes the calls.
            ask: as for ``Underpass.run``.

        Raises:
            SkillInvalid: it breaks the standard's rules, holds a secret, or a case fails.
            SkillNotSaved: the disk does not take it.
            SandboxUnavailable, Overloaded: there is no sandbox for the cases.
        """
        request = Request(
            name, description, code, language, entrypoint, examples, pitfalls, tuple(tags),
            tuple(GivenCase.of(case) for case in cases), agent, {"origin": "saved", "agent": agent},
        )  # fmt: skip
        return await self._save(request, scope, agent, (), partial(self._recorded, agent=agent, ask=ask))

    async def save_run(
        self,
        run: str,
        name: str,
        *,
        description: str | None = None,
        scope: Scope = "agent",
        agent: str = _DEFAULT,
    ) -> Skill:
        """Make a skill of a run that succeeded. Literals that vary in runs of its shape are parameters.

        Parameters:
            run: its id.
            description: by default of its tools and its result.

        Raises:
            SkillInvalid: no skill can be made of it, and why.
            SkillNotSaved: the disk does not take it.
        """
        skill = await self.promotion.save(run, name, agent=agent, scope=scope, description=description)
        await self._remember(skill, agent)
        return skill

    async def run(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        agent: str = _DEFAULT,
        *,
        version: str | None = None,
        ask: Ask | None = None,
        **options: Any,
    ) -> RunResult:
        """Call a skill in a run of its own, by the ordinary road.

        Parameters:
            arguments: by name; a function in TypeScript of one parameter takes them as one object.
            version: by default the newest.
            options: the others of ``Underpass.run``, such as ``timeout``.

        Raises:
            SkillNotFound, SkillInvalid, SkillRefused: nothing ran. All else is a result with an error.
        """
        skill = await anyio.to_thread.run_sync(self.library.find, name, agent, version)
        code = calling(skill, arguments or {}, version)
        return await self._run(code, agent=agent, language=skill.draft.language, ask=ask, **options)

    async def verify(self, name: str | None = None, agent: str = _DEFAULT) -> list[Verified]:
        """Run the recorded cases now, of one skill or of all that ``agent`` sees and may use.

        Raises:
            SkillNotFound, SkillInvalid, SkillRefused: for a ``name``.
            SandboxUnavailable, Overloaded: there is no sandbox for the cases.
        """
        if name is not None:
            return [await self._verified(await self._find(name, agent), agent)]
        found: list[Verified] = []
        entries = await anyio.to_thread.run_sync(self.library.entries, agent)
        for entry in entries:
            if entry.problem is not None:
                found.append(Verified(entry.name, entry.version, problem=entry.problem))
                continue
            try:
                skill = await self._find(entry.name, agent)
            except SkillError as error:
                found.append(Verified(entry.name, entry.version, problem=error.message))
                continue
            found.append(await self._verified(skill, agent))
        return found

    async def review(self, agent: str = _DEFAULT) -> Sequence[SkillEntry]:
        """Return what a person should look at, as ``agent`` sees it."""
        return await anyio.to_thread.run_sync(self.library.waiting, agent)

    async def candidates(self) -> Sequence[Candidate]:
        """Return the programs that may become skills, those that recur most first."""
        try:
            return await anyio.to_thread.run_sync(self.promotion.candidates)
        except OSError as error:
            raise SkillError(f"the candidates cannot be read: {error}") from error

    async def approve(
        self, name: str, scope: Scope, agent: str = _DEFAULT, digest: str | None = None
    ) -> Skill:
        """Let a skill be used that waits for that.

        Parameters:
            digest: of what was looked at; another is refused, because nobody has looked at it.

        Raises:
            SkillNotFound, SkillInvalid, SkillNotSaved
        """
        await self._expect(name, scope, agent, digest)
        return await self._set(name, scope, agent, "active")

    async def refuse(
        self, name: str, scope: Scope, agent: str = _DEFAULT, digest: str | None = None
    ) -> Skill:
        """Put a skill that waits for approval into the archive. Parameters and errors as of ``approve``."""
        await self._expect(name, scope, agent, digest)
        return await self._set(name, scope, agent, "archived")

    async def archive(
        self, name: str, scope: Scope, agent: str = _DEFAULT, *, restore: bool = False
    ) -> Skill:
        """Take a skill out of use, or bring it back. Raises as ``approve``."""
        return await self._set(name, scope, agent, "active" if restore else "archived")

    def finished(self, run: FinishedRun) -> None:
        """Take down a program that has worked; one that was made here to call a skill is nothing new."""
        if not run.code.startswith((_IMPORTING, ALONE)):
            self.promotion.note(run)

    def questions(self, agent: str, run: str) -> Mapping[str, Question]:
        """Return the answers for the programs of one run; see ``SkillQuestions``."""
        return AnswersAboutSkills(self, self._directory, agent, run).by_name()

    async def save_from_program(self, request: Request, agent: str, run: str) -> Skill:
        """Save what a program gives, to the library of its agent; calls of its run answer the cases.

        Raises as ``save``; no tool is called.
        """
        calls = await self._calls(run)
        return await self._save(request, "agent", agent, calls, None)

    async def _save(
        self,
        request: Request,
        scope: Scope,
        agent: str,
        calls: Sequence[RecordedCall],
        record: Callable[[SkillDraft, Mapping[str, Any]], Awaitable[Case]] | None,
    ) -> Skill:
        draft = await self._drafts.make(request, agent, calls, record)
        skill = await anyio.to_thread.run_sync(self.library.save, draft, scope, agent)
        await self._remember(skill, agent)
        return skill

    async def _remember(self, skill: Skill, agent: str) -> None:
        """Keep the definitions of its tools as they are, so that it can be said later what changed."""
        if skill.status == "active":
            await self.admission.admit(skill, agent)

    async def _recorded(
        self, draft: SkillDraft, arguments: Mapping[str, Any], *, agent: str, ask: Ask | None
    ) -> Case:
        """Call a draft once, for real."""
        run = new_run_id()
        code = program_of(draft, arguments)
        result = await self._run(code, agent=agent, language=draft.language, ask=ask, run_id=run)
        if result.error is not None:
            raise SkillInvalid(
                f"the skill {draft.name!r:.80} failed with its case: {result.error.message}",
                hint=result.error.hint,
                skill=draft.name[:80],
                problems=[result.error.type],
                run=run,
            )
        return Case(arguments, await self._calls(run), None)

    async def _calls(self, run: str) -> tuple[RecordedCall, ...]:
        """The calls that a run has made so far, as far as they can be answered again."""
        self._journal.write()

        def read() -> tuple[RecordedCall, ...]:
            reader = CallReader(self._state / "journal")
            try:
                return reader.calls(run)[0]
            except (CallsLost, OSError):
                return ()
            finally:
                reader.close()

        return await anyio.to_thread.run_sync(read)

    async def _verified(self, skill: Skill, agent: str) -> Verified:
        drifts = await self.admission.look(skill)
        try:
            results = await self.admission.verify(skill, agent)
        except SkillError as error:
            return Verified(skill.name, skill.version, (), drifts, error.message)
        return Verified(skill.name, skill.version, results, drifts)

    async def _find(self, name: str, agent: str) -> Skill:
        return await anyio.to_thread.run_sync(self.library.find, name, agent)

    async def _set(self, name: str, scope: Scope, agent: str, status: Status) -> Skill:
        def change() -> Skill:
            # Where there is nothing to change, nothing is made either.
            self.library.look(name, agent, scope=scope, waiting=True)
            return self.library.set_status(name, scope, agent, status)

        return await anyio.to_thread.run_sync(change)

    async def _expect(self, name: str, scope: Scope, agent: str, digest: str | None) -> None:
        if digest is None:
            return
        look = partial(self.library.look, name, agent, scope=scope, waiting=True)
        skill = await anyio.to_thread.run_sync(look)
        if skill.digest != digest:
            raise SkillInvalid(
                f"skill {skill.name!r} is not what was looked at any more",
                hint="look at it again",
                skill=skill.name,
                problems=["digest"],
                digest=skill.digest,
            )


def calling(skill: Skill, arguments: Mapping[str, Any], version: str | None = None) -> str:
    """Return a program that imports a skill and calls it.

    Raises:
        ValidationFailed: it takes no such arguments.
    """
    draft = skill.draft
    if draft.language == "typescript":
        path = f"skills/{skill.name}" + ("" if version is None else f"@{version}")
        call = typescript_call(draft, arguments)
        return f'import {{ {draft.entrypoint} }} from "{path}";\nreturn await {call};\n'
    module = f"skills.{skill.module}"
    if version is not None:
        module += f".v{version.replace('.', '_')}"
    given = json.dumps(json.dumps(arguments))
    return (
        f"{_IMPORTING}{module} import {draft.entrypoint} as skill\n\n"
        f"return await skill(**json.loads({given}))\n"
    )
