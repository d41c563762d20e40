"""Makes skills of programs that recur, and of runs that someone asks to keep."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.config import AgentSettings, SkillSettings
from underpass.errors import SkillNotSaved, UnderpassError
from underpass.skills.format.names import name_problem, skill_name
from underpass.skills.promotion.candidates import Candidates
from underpass.skills.promotion.evidence import CallReader, CallsLost, ObservedRun
from underpass.skills.promotion.gates import Gates, Refusal
from underpass.skills.promotion.generalise import MOST_CASES, Derived, derive
from underpass.skills.promotion.likeness import Likeness, Shelves
from underpass.skills.promotion.naming import description_of, names_for
from underpass.skills.promotion.table import Candidate, KeptRun
from underpass.skills.promotion.types_of import call_text
from underpass.skills.seams import FinishedRun, Rehearsal
from underpass.skills.skill import Language, Scope, Skill, SkillDraft, SkillEntry, Status

CONSIDER_AFTER: Final = 1.0
"""Seconds after which what waits is written, and what recurs is looked at; the journal writes sooner."""
TIDY_AFTER: Final = 3_600.0
"""Seconds between two looks for what is too old."""
_AT_ONCE: Final = 50
"""Candidates that are tried one after the other before runs are written again."""
_LOG: Final = logging.getLogger("underpass.skills")


@dataclass(frozen=True, slots=True)
class Named:
    """A derived function with its name and description, and the runs that it is of."""

    derived: Derived
    name: str
    description: str
    runs: tuple[ObservedRun, ...]


class Shelf(Shelves, Protocol):
    """Libraries in which skills can wait for a person."""

    def save(self, draft: SkillDraft, scope: Scope, agent: str, *, status: Status = "active") -> Skill:
        """See ``SkillStore.save``."""
        ...

    def waiting(self, agent: str) -> Sequence[SkillEntry]:
        """Return what waits for approval."""
        ...


class Promotion(Background):
    """Records runs as candidates and promotes them; enter it before use. It is a ``RunEvidence``.

    A candidate is promoted by recurrence in two sessions, where the settings ask for that, or by name.
    Two sessions are two conversations: of two agents, of two named sessions, or with more than
    ``CONVERSATION_SECONDS`` of the metrics between their runs.

    Parameters:
        state: the state folder.
        settings: ``promote`` says what comes of what recurs.
        store: the libraries; skills that are promoted go to the project's.
        rehearsal: runs recorded cases.
        agents: the settings of agents; one whose ``auto_save`` is off leaves no candidates.
        flush: has the journal write what waits; called in the thread of the event loop.
        secrets: the values of known secrets.
        packages: what skills may import besides the standard library's harmless part.
    """

    def __init__(
        self,
        state: Path,
        settings: SkillSettings,
        *,
        store: Shelf,
        rehearsal: Rehearsal,
        agents: Mapping[str, AgentSettings] | None = None,
        flush: Callable[[], object] = bool,
        secrets: Callable[[], Collection[str]] = tuple,
        packages: Collection[str] = (),
    ) -> None:
        self._recorded = Candidates(state)
        self._table = self._recorded.table
        self._journal = state / "journal"
        self._promote = settings.promote
        self._store = store
        self._agents = agents or {}
        self._flush = flush
        self._gates = Gates(rehearsal, secrets=secrets, packages=packages)
        self._likeness = Likeness(store)
        self._due = anyio.Event()
        self._considering = anyio.Lock()

    def note(self, run: FinishedRun) -> None:
        """Take down a successful run. It is fast, and does not raise."""
        if self._promote == "off" or not self._agents.get(run.agent, _ANY).auto_save:
            return
        self._recorded.note(run)
        self._due.set()

    def candidates(self) -> list[Candidate]:
        """Return the candidates, those of the most sessions first; it waits for the disk.

        Raises:
            OSError: their file cannot be read.
        """
        return self._recorded.all()

    def review(self, agent: str) -> Sequence[SkillEntry]:
        """Return the skills that wait for a person's approval, as ``agent`` sees them."""
        return self._store.waiting(agent)

    async def save(
        self, run: str, name: str, *, agent: str, scope: Scope, description: str | None = None
    ) -> Skill:
        """Make a skill of a run, at once and active; other runs of its shape say what varies.

        A name that is there gets a new version.

        Parameters:
            run: the id of a run that succeeded and called a tool.
            name: the skill's, with hyphens or underscores.
            agent: whose library, and whose author it is.
            scope: whose library it goes to.
            description: what it does and when to use it; by default of its tools and results.

        Raises:
            SkillNotSaved: there is no such run any more; no function can be made of it; a gate refuses it
                (``gate``, ``reason``); or another skill does the same (``same``).
            SkillInvalid: the name or the description breaks the rules of the format.
            SandboxUnavailable, Overloaded: its cases cannot be run.
        """
        name = skill_name(name)
        if (problem := name_problem(name)) is not None:
            raise SkillNotSaved(problem, hint="a name such as `git-log-authors`", skill=name[:100])
        self._flush()
        try:
            found = await anyio.to_thread.run_sync(self._find, run)
        except OSError as error:
            raise _cannot(name, f"the candidates cannot be read: {error}") from error
        if found is None:
            hint = "it must have succeeded, called a tool, and be recorded: see `underpass runs list`"
            if self._promote == "off":
                hint = "skills.promote is off: set it to review, and run the program again"
            raise _cannot(name, f"run {run:.60} is none that a skill can be made of", hint=hint)
        candidate, kept, unbound = found
        made = await anyio.to_thread.run_sync(
            lambda: self._derived(candidate, kept, unbound, guess=True, name=name, description=description)
        )
        if isinstance(made, Refusal):
            raise _refused(name, made)
        draft = self._draft(candidate, made, name, agent, origin="saved")
        same = await anyio.to_thread.run_sync(self._likeness.same, draft, agent)
        if same is not None and same != name:
            raise _cannot(
                name, f"the skill {same} does the same", hint=f"`underpass skills show {same}`", same=same
            )
        if (refusal := await self._gates.examine(draft)) is not None:
            raise _refused(name, refusal)
        skill = await anyio.to_thread.run_sync(lambda: self._store.save(draft, scope, agent))
        await anyio.to_thread.run_sync(self._table.promoted, candidate.shape, skill.name)
        return skill

    async def consider(self) -> list[Skill]:
        """Look at what recurs, and promote it as the settings say; returns the skills that were made.

        What is refused is kept with its reason, and tried again once twice as many runs of it are known.

        Raises:
            SandboxUnavailable, Overloaded: cases cannot be run; nothing is decided about what is left.
            OSError: the candidates cannot be read or written.
        """
        if self._promote == "off":
            return []
        async with self._considering:
            self._flush()
            due = await anyio.to_thread.run_sync(self._what_is_due)
            made = [await self._consider(candidate) for candidate in due[:_AT_ONCE]]
            return [skill for skill in made if skill is not None]

    async def _consider(self, candidate: Candidate) -> Skill | None:
        shape = candidate.shape
        if not await anyio.to_thread.run_sync(self._table.claim, shape):
            return None
        try:
            promoted = await self._promoted(candidate)
            if isinstance(promoted, Refusal):
                await anyio.to_thread.run_sync(self._table.refused, shape, promoted.gate, promoted.reason)
                return None
            if isinstance(promoted, str):
                await anyio.to_thread.run_sync(self._table.promoted, shape, promoted)
                return None
            await anyio.to_thread.run_sync(self._table.promoted, shape, promoted.name)
            return promoted
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._table.release, shape)

    async def _promoted(self, candidate: Candidate) -> Skill | Refusal | str:
        """Return the skill of a candidate, or the name of one that does the same, or why there is none."""
        made = await anyio.to_thread.run_sync(self._of_candidate, candidate)
        if isinstance(made, Refusal):
            return made
        derived, agent = made
        draft = self._draft(candidate, derived, derived.name, agent, origin="promoted")
        if (same := await anyio.to_thread.run_sync(self._likeness.same, draft, agent)) is not None:
            return same
        if (refusal := await self._gates.examine(draft)) is not None:
            return refusal
        similar = await anyio.to_thread.run_sync(self._likeness.similar, draft, agent)
        # The cases hold what tools have answered: what a tenant's runs show to the others, a person decides.
        of_tenant = any("." in run.agent for run in derived.runs)
        waits = self._promote == "review" or similar is not None or of_tenant
        if similar is not None:
            draft = self._draft(candidate, derived, derived.name, agent, origin="promoted", similar=similar)
        try:
            return await anyio.to_thread.run_sync(
                lambda: self._store.save(draft, "project", agent, status="review" if waits else "active")
            )
        except UnderpassError as error:
            return Refusal("library", str(error))

    # What is below waits for the disk, and is called in threads.

    def _what_is_due(self) -> list[Candidate]:
        self._recorded.settle()
        return self._table.due()

    def _find(self, run: str) -> tuple[Candidate, list[KeptRun], tuple[str, ...]] | None:
        self._recorded.settle()
        candidate, wanted = self._table.of_run(run), self._table.run(run)
        if candidate is None or wanted is None:
            return None
        others = [
            each
            for each in self._table.kept(candidate.shape)
            # What one agent asks for does not show another's data to it.
            if each.run != run and each.agent == wanted.agent
        ]
        return candidate, [wanted, *others], self._table.unbound(candidate.shape)

    def _of_candidate(self, candidate: Candidate) -> tuple[Named, str] | Refusal:
        kept = self._table.kept(candidate.shape)
        if not kept:
            return Refusal("evidence", "none of its runs is kept")
        made = self._derived(candidate, kept, (), guess=False)
        return made if isinstance(made, Refusal) else (made, kept[0].agent)

    def _derived(
        self,
        candidate: Candidate,
        kept: Sequence[KeptRun],
        unbound: Sequence[str],
        *,
        guess: bool,
        name: str | None = None,
        description: str | None = None,
    ) -> Named | Refusal:
        """Return the function of some runs, the first of which gives the text."""
        if unbound:
            return Refusal("derivation", f"it uses variables of its session: {', '.join(unbound[:5])}")
        runs, lost = self._observed(candidate, kept, needs_first=guess)
        if not runs:
            return Refusal("evidence", lost)
        results = [run.value for run in runs]
        try:
            sketch = derive(runs, name or "sketch", "", guess=guess)
            told = description or description_of(
                candidate.tools, sketch.parameters, results, candidate.conversations
            )
            chosen = name or self._name(candidate, sketch, runs)
            return Named(derive(runs, chosen, told, guess=guess), chosen, told, tuple(runs))
        except ValueError as error:
            return Refusal("derivation", str(error))

    def _observed(
        self, candidate: Candidate, kept: Sequence[KeptRun], *, needs_first: bool
    ) -> tuple[list[ObservedRun], str]:
        """Return the runs whose calls and values are known whole, and what is wrong with the others."""
        reader = CallReader(self._journal)
        runs: list[ObservedRun] = []
        lost = ""
        try:
            for each in kept:
                try:
                    calls, definitions = reader.calls(each.run) if each.has_value else ((), {})
                except (CallsLost, OSError) as error:
                    lost = lost or f"run {each.run}: {error}"
                    calls, definitions = (), {}
                if not calls:
                    lost = lost or f"run {each.run}: its value is too large to be kept"
                    if needs_first and not runs:
                        break
                    continue
                runs.append(
                    ObservedRun(
                        each.run, candidate.language, each.code, each.agent, each.value, calls, definitions
                    )
                )
        finally:
            reader.close()
        return runs, lost

    def _name(self, candidate: Candidate, sketch: Derived, runs: Sequence[ObservedRun]) -> str:
        taken = self._likeness.names(runs[0].agent)
        results = [run.value for run in runs]
        names = names_for(candidate.tools, sketch.parameters, results, taken)
        return next(name for name in names if self._table.reserve(candidate.shape, name))

    def _draft(
        self,
        candidate: Candidate,
        made: Named,
        name: str,
        agent: str,
        *,
        origin: str,
        similar: str | None = None,
    ) -> SkillDraft:
        language: Language = "typescript" if candidate.language == "typescript" else "python"
        definitions = {tool: digest for run in made.runs for tool, digest in run.definitions.items()}
        provenance = {
            "origin": origin,
            "runs": " ".join(run.run for run in made.runs[:MOST_CASES]),
            "agent": made.runs[0].agent,
            "shape": candidate.shape,
        }
        if similar is not None:
            provenance["similar"] = similar
        derived = made.derived
        return SkillDraft(
            name,
            made.description,
            language,
            derived.code,
            derived.entrypoint,
            definitions,
            derived.cases,
            call_text(name, derived.entrypoint, language, derived.cases[0].arguments),
            tags=tuple(dict.fromkeys(tool.partition(".")[0] for tool in candidate.tools)),
            author=agent,
            provenance=provenance,
        )

    async def _work(self) -> None:
        tidied = -TIDY_AFTER
        while True:
            await self._due.wait()
            await anyio.sleep(CONSIDER_AFTER)
            self._due = anyio.Event()
            self._flush()
            if await anyio.to_thread.run_sync(self._recorded.settle):
                await self._consider_quietly()
            if self._recorded.waiting:
                self._due.set()
            if anyio.current_time() >= tidied + TIDY_AFTER:
                tidied = anyio.current_time()
                await anyio.to_thread.run_sync(self._recorded.tidy)

    async def _consider_quietly(self) -> None:
        try:
            await self.consider()
        except (UnderpassError, OSError) as error:
            # They stay candidates, and are looked at with the next run.
            _LOG.warning("candidates for skills cannot be looked at: %s", error)

    async def _finish(self) -> None:
        self._flush()
        self._recorded.close()


_ANY: Final = AgentSettings()


def _cannot(name: str, what: str, *, hint: str = "", **data: str) -> SkillNotSaved:
    return SkillNotSaved(f"{name} was not saved: {what}", hint=hint, skill=name, **data)


def _refused(name: str, refusal: Refusal) -> SkillNotSaved:
    hint = "change the program, run it again, and save that run"
    return _cannot(name, refusal.reason, hint=hint, gate=refusal.gate, reason=refusal.reason)
