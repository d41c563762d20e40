"""Answers what programs ask of skills: they find them, and save what they have found to work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from underpass.discovery.directory import ToolDirectory
from underpass.discovery.hit import Hit
from underpass.discovery.request import SearchRequest
from underpass.errors import SkillRefused, ValidationFailed
from underpass.skills.drafts import GivenCase, Request
from underpass.skills.search.beside import beside_tools
from underpass.skills.search.hit import SkillHit, import_line
from underpass.skills.skill import Language, Skill

if TYPE_CHECKING:
    from underpass.skills.seams import Question
    from underpass.skills.skills import Skills

_LIMIT: Final = 50
_LONGEST: Final = 2_000


class AnswersAboutSkills:
    """The answers to the programs of one run, which may give anything as arguments.

    Parameters:
        skills: all of them.
        tools: where tools are found.
        agent: whose programs ask.
        run: the run's id.
    """

    def __init__(self, skills: Skills, tools: ToolDirectory, agent: str, run: str) -> None:
        self._skills = skills
        self._tools = tools
        self._agent = agent
        self._run = run

    def by_name(self) -> Mapping[str, Question]:
        """Return the answers by what is asked."""
        return {
            "search_tools": self.search_tools,
            "search_skills": self.search,
            "list_skills": self.list,
            "save_skill": self.save,
        }

    async def search_tools(self, arguments: Mapping[str, Any]) -> Any:
        """Answer ``search_tools``: with ``skills`` also those that the program can import."""
        request = SearchRequest.read(arguments)
        if not request.skills:
            return [found.to_dict(request.language) for found in await self._tools.answer(request)]
        found = await beside_tools(request, self._tools, self._skills, self._agent, request.language)
        return [hit.to_dict(request.language) if isinstance(hit, Hit) else hit.to_dict() for hit in found]

    async def search(self, arguments: Mapping[str, Any]) -> Any:
        """Answer ``search_skills``."""
        query, limit = _text(arguments, "query", _LONGEST), arguments.get("limit", 10)
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= _LIMIT:
            raise ValidationFailed(f"search_skills: limit is a whole number from 1 to {_LIMIT}")
        found = await self._skills.search(query, self._agent, limit=limit, language=_language(arguments))
        return [hit.to_dict() for hit in found]

    async def list(self, arguments: Mapping[str, Any]) -> Any:  # noqa: ARG002 - skills of all languages
        """Answer ``list_skills``."""
        return [_line(hit) for hit in await self._skills.list(self._agent)]

    async def save(self, arguments: Mapping[str, Any]) -> Any:
        """Answer ``save_skill``: to the agent's own library alone."""
        if (scope := arguments.get("scope", "agent")) not in {"agent", None}:
            raise SkillRefused(
                f"a program saves skills to its agent's own library, and not to {scope!r:.40}",
                hint="leave scope out; a person can save it for the project: `underpass skills save`",
                skill=str(arguments.get("name", ""))[:80],
            )
        cases = arguments.get("cases") or ()
        tags = arguments.get("tags") or ()
        if not isinstance(cases, list | tuple) or not isinstance(tags, list | tuple):
            raise ValidationFailed("save_skill: cases and tags are lists")
        entrypoint = arguments.get("entrypoint")
        request = Request(
            _text(arguments, "name", 100),
            _text(arguments, "description", _LONGEST),
            _text(arguments, "code", None),
            _language(arguments),
            None if entrypoint is None else _text(arguments, "entrypoint", 100),
            _text(arguments, "examples", None, default=""),
            _text(arguments, "pitfalls", None, default=""),
            tuple(str(tag)[:100] for tag in cast("Sequence[object]", tags)[:50]),
            tuple(GivenCase.of(case) for case in cast("Sequence[object]", cases)),
            self._agent,
            {"origin": "saved", "agent": self._agent, "runs": self._run},
        )
        skill = await self._skills.save_from_program(request, self._agent, self._run)
        return saved(skill)


def saved(skill: Skill) -> dict[str, Any]:
    """Return what is said of a skill that was saved, as a JSON object."""
    return {
        "name": skill.name,
        "version": skill.version,
        "digest": skill.digest,
        "status": skill.status,
        "scope": skill.scope,
        "import": import_of(skill),
    }


def import_of(skill: Skill) -> str:
    """Return the line that imports a skill, in its own language."""
    draft = skill.draft
    if draft.language == "typescript":
        return f'import {{ {draft.entrypoint} }} from "skills/{skill.name}";'
    return f"from skills import {skill.module}"


def _line(hit: SkillHit) -> dict[str, Any]:
    return {"problem": None, **hit.line(), "import": import_line(hit.entry)}


def _language(arguments: Mapping[str, Any]) -> Language:
    return "typescript" if arguments.get("language") == "typescript" else "python"


def _text(arguments: Mapping[str, Any], name: str, most: int | None, default: str | None = None) -> str:
    value = arguments.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or (most is not None and len(value) > most):
        bound = "" if most is None else f" of at most {most:,} characters"
        raise ValidationFailed(f"save_skill and search_skills: {name} is a text{bound}")
    return value
