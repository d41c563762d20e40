"""Checks programs beside the lease of their sandboxes, within a bound of time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import anyio

from underpass.background import TaskOwner
from underpass.catalog.definition import Listing
from underpass.checking.folder import ProjectFolder
from underpass.checking.language_server import LanguageServer, ServerDied
from underpass.checking.modules import Changes, CheckedModules
from underpass.checking.skills import CheckedSkills, Found, digests, references, usable
from underpass.checking.verdict import Problem, Verdict
from underpass.discovery.directory import ListingSource
from underpass.errors import SandboxUnavailable
from underpass.skills.loading.programs import SkillPrograms

BOUND: Final = 2.0
"""Seconds after which a run goes on unchecked."""
START: Final = 6.0
"""The same for the first runs of a language, counted from when its checker was started: a start takes
about a second, and several on a busy machine."""
_LONGEST: Final = 200_000
"""Characters of a program beyond which it is not checked."""
_MOST_AT_ONCE: Final = 256
_REMEMBERED: Final = 256

Maker = Callable[[ListingSource, Path], "LanguageChecker"]


class LanguageChecker(Protocol):
    """A resident checker of one language."""

    server: LanguageServer
    modules: CheckedModules
    skills: CheckedSkills

    async def problems(self, code: str, skills: Found) -> tuple[Problem, ...]:
        """Return what would fail. Raises ``ServerDied``."""
        ...


def _python(source: ListingSource, folder: Path) -> LanguageChecker:
    from underpass.checking.python_checker import PythonChecker

    return PythonChecker(source, folder)


def _typescript(source: ListingSource, folder: Path) -> LanguageChecker:
    from underpass.checking.typescript_checker import TypeScriptChecker

    return TypeScriptChecker(source, folder)


# Imported when they are first needed: most users write one language.
MAKERS: Final[Mapping[str, Maker]] = {"python": _python, "typescript": _typescript}


class Check:
    """A check that goes on beside other work."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._verdict: Verdict | None = None
        self._given = anyio.Event()

    def give(self, verdict: Verdict) -> None:
        """Note the outcome."""
        self._verdict = verdict
        self._given.set()

    async def verdict(self) -> Verdict:
        """Wait for the outcome until the deadline: what comes later is of no use to a run."""
        if self._verdict is None:
            with anyio.CancelScope(deadline=self._deadline):
                await self._given.wait()
        return self._verdict or Verdict(skipped="the check took too long")


class Checker(TaskOwner):
    """Checks programs against the generated modules of a catalog; enter it before use.

    Nothing is started, written or imported before the first check of a language.

    Parameters:
        source: the catalog.
        folder: where the modules are written for the checkers.
        bound: seconds that a run waits for its check.
        start: seconds from the start of a language's checker in which runs wait for it.
        skills: the skills of all agents.
    """

    def __init__(
        self,
        source: ListingSource,
        folder: Path,
        *,
        bound: float = BOUND,
        start: float = START,
        makers: Mapping[str, Maker] = MAKERS,
        skills: SkillPrograms | None = None,
    ) -> None:
        self._skills = skills or SkillPrograms()
        self._skill_turn = anyio.Lock()
        """Programs with skills are checked one after the other: those of two agents may differ."""
        self._source = source
        self._parent = folder
        self._bound = bound
        self._start = start
        self._begun: dict[str, float] = {}
        """When the first check of each language began."""
        self._makers = makers
        self._languages: dict[str, LanguageChecker | str] = {}
        """The checker of each language that was asked for, or why there is none."""
        self._folders: list[ProjectFolder] = []
        self._clean: OrderedDict[tuple[str, str], dict[str, Listing | str | None]] = OrderedDict()
        """Programs in which nothing was found, with what they were checked against."""
        self._going_on = 0

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            for folder in self._folders:
                folder.close()

    def begin(self, code: str, language: str = "python", agent: str = "default") -> Check:
        """Start a check; it executes nothing of ``code``.

        Parameters:
            agent: whose skills it may import.
        """
        now = anyio.current_time()
        started = self._begun.setdefault(language, now)
        check = Check(max(now + self._bound, started + self._start))
        if self._clean.get((language, code)) == {}:
            check.give(Verdict())
        elif len(code) > _LONGEST:
            check.give(Verdict(skipped="the program is too long"))
        elif self._going_on >= _MOST_AT_ONCE:
            check.give(Verdict(skipped="too many checks at once"))
        else:
            self._going_on += 1
            self._tasks.start_soon(self._check, check, code, language, agent)
        return check

    def warm_up(self, language: str = "python") -> None:
        """Start the checker of a language before the first program comes."""
        self.begin("1", language)

    async def _check(self, check: Check, code: str, language: str, agent: str) -> None:
        try:
            check.give(await self._verdict(code, language, agent))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a check, the run goes on
            check.give(Verdict(skipped=f"the check failed ({type(error).__name__})"))
        finally:
            self._going_on -= 1

    async def _verdict(self, code: str, language: str, agent: str) -> Verdict:
        checker = self._language(language)
        if isinstance(checker, str):
            return Verdict(skipped=checker)
        listings = await checker.modules.listings(code)
        skills = usable(
            await self._skills.look(references(code, language), agent),
            "python" if language == "python" else "typescript",
        )
        against = {**listings, **digests(skills)}
        if self._clean.get((language, code)) == against:
            return Verdict()
        try:
            await _note(checker, await checker.modules.write(code, listings))
            if skills:
                async with self._skill_turn:
                    await _note(checker, checker.skills.write(skills))
                    problems = await checker.problems(code, skills)
            else:
                problems = await checker.problems(code, skills)
        except ServerDied:
            return Verdict(skipped="the type checker ended; it is started again")
        except OSError as error:
            return Verdict(skipped=f"the modules could not be written: {error.strerror}")
        if not problems:
            if None in listings.values():
                named = ", ".join(name for name, listing in listings.items() if listing is None)
                return Verdict(skipped=f"{named} cannot be reached")
            self._remember(language, code, against)
        return Verdict(problems)

    def _remember(self, language: str, code: str, against: dict[str, Listing | str | None]) -> None:
        self._clean[language, code] = against
        if len(self._clean) > _REMEMBERED:
            self._clean.popitem(last=False)

    def _language(self, language: str) -> LanguageChecker | str:
        if language not in self._languages:
            self._languages[language] = self._started(language)
        return self._languages[language]

    def _started(self, language: str) -> LanguageChecker | str:
        if language not in self._makers:
            return f"there is no checker of {language}"
        try:
            folder = ProjectFolder(self._parent)
            self._folders.append(folder)
            checker = self._makers[language](self._source, folder.path)
        except (OSError, ImportError, SandboxUnavailable) as error:
            return f"the checker of {language} cannot be started: {error}"
        self._tasks.start_soon(checker.server.serve)
        # While the tools of the servers are listed, which may have to be started themselves.
        checker.server.start()
        return checker


async def _note(checker: LanguageChecker, changes: Changes) -> None:
    if changes.created or changes.changed or changes.removed:
        await checker.server.note_changes(changes.created, changes.changed, changes.removed)
