"""What programs get of skills: found, admitted, and counted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

import anyio.to_thread

from underpass.errors import SkillError, SkillNotFound, UnderpassError
from underpass.skills.loading.in_memory import SkillsInMemory
from underpass.skills.loading.references import Reference, read
from underpass.skills.loading.uses import UsesOfRun
from underpass.skills.seams import Admission, Question, SkillQuestions, SkillSource, Uses
from underpass.skills.skill import Language, Skill, Use

_SPELLED: Final = {"python": "Python", "typescript": "TypeScript"}
_KNOWN: Final = 10_000
"""Skills whose uses are counted: the last that were loaded."""


class AdmitsAll:
    """Admits every skill."""

    async def admit(self, skill: Skill, agent: str) -> None:
        """Return at once."""


class NoUses:
    """Keeps nothing."""

    def note(self, use: Use) -> None:
        """Forget it."""


class NoQuestions:
    """Answers nothing."""

    def questions(self, agent: str, run: str) -> Mapping[str, Question]:  # noqa: ARG002 - the seam's
        """Return no answers."""
        return {}


class SkillPrograms:
    """Skills as programs have them.

    Parameters:
        source: where they are found.
        admission: decides about each before it is loaded.
        uses: is told how calls of them went.
        questions: answers ``mcp_runtime``'s functions about skills.
    """

    def __init__(
        self,
        source: SkillSource | None = None,
        *,
        admission: Admission | None = None,
        uses: Uses | None = None,
        questions: SkillQuestions | None = None,
    ) -> None:
        self.source: SkillSource = source or SkillsInMemory()
        self.admission: Admission = admission or AdmitsAll()
        self.uses: Uses = uses or NoUses()
        self.questions: SkillQuestions = questions or NoQuestions()
        self._loaded: OrderedDict[tuple[str, str], Skill] = OrderedDict()
        """By agent and digest."""

    async def load(self, reference: Reference, agent: str, language: Language) -> Skill:
        """Return a skill that a program of ``agent`` may import now.

        Raises:
            SkillNotFound, SkillInvalid, SkillRefused, SkillStale: with what to do.
            SkillError: it is written in another language.
        """
        skill = await anyio.to_thread.run_sync(self.source.find, reference.name, agent, reference.version)
        check_language(skill, language)
        await self.admission.admit(skill, agent)
        self._loaded[agent, skill.digest] = skill
        self._loaded.move_to_end((agent, skill.digest))
        if len(self._loaded) > _KNOWN:
            self._loaded.popitem(last=False)
        return skill

    async def look(
        self, references: Iterable[Reference], agent: str
    ) -> dict[Reference, Skill | UnderpassError]:
        """Return skills without admitting them, for who only looks at them, or why there is none."""
        wanted = list(references)

        def find() -> dict[Reference, Skill | UnderpassError]:
            found: dict[Reference, Skill | UnderpassError] = {}
            for reference in wanted:
                try:
                    found[reference] = self.source.find(reference.name, agent, reference.version)
                except UnderpassError as error:
                    found[reference] = error
            return found

        return await anyio.to_thread.run_sync(find) if wanted else {}

    async def digests(self, modules: Iterable[str], agent: str) -> dict[str, str]:
        """Return the digest of each skill among ``modules``; empty for one that there is not any more."""
        named = {module: reference for module in modules if (reference := read(module)) is not None}
        found = await self.look(named.values(), agent)
        return {
            module: "" if isinstance(skill := found[reference], UnderpassError) else skill.digest
            for module, reference in sorted(named.items())
        }

    def uses_of(self, agent: str, run: str) -> UsesOfRun:
        """Return what counts the uses of one run."""
        return UsesOfRun(self.uses, lambda digest: self._loaded.get((agent, digest)), agent, run)


def check_language(skill: Skill, language: Language) -> None:
    """Raise ``SkillError`` where a program of ``language`` cannot have a skill."""
    draft = skill.draft
    if draft.language != language:
        how = (
            f"from skills import {skill.module}"
            if draft.language == "python"
            else f'import {{ {draft.entrypoint} }} from "skills/{skill.name}"'
        )
        raise SkillError(
            f"the skill {skill.name!r} is written in {_SPELLED[draft.language]}, "
            f"and this program in {_SPELLED[language]}",
            hint=f"write the program in {_SPELLED[draft.language]}: {how}",
            skill=skill.name,
        )


def not_a_skill(name: str) -> SkillNotFound:
    """Return the error for the name of what can be no skill's module."""
    return SkillNotFound(
        f"there is no module {name[:100]!r}",
        hint="`from skills import name`, or `from skills.name import v1_0_0` for a version",
        skill=name[:100],
    )
