"""The two tools about skills, for clients whose operator wants them listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from mcp.server import ServerRequestContext
from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations

from underpass.discovery.directory import ToolDirectory
from underpass.discovery.hit import Hit
from underpass.discovery.hit_texts import HitTexts
from underpass.discovery.request import SearchRequest
from underpass.errors import ValidationFailed
from underpass.skills.asking import saved
from underpass.skills.search.beside import beside_tools
from underpass.skills.search.hit import SkillHit
from underpass.skills.skill import SCOPES, Language, Scope, Skill

_TEXT: dict[str, Any] = {"type": "string"}
_MOST = 50
_USUAL = 10

SAVE = Tool(
    name="save_skill",
    title="Save a skill",
    description="Keep what a run did as a function: from skills import NAME",
    input_schema={
        "type": "object",
        "properties": {"run": _TEXT, "name": _TEXT, "description": _TEXT, "scope": _TEXT, "agent": _TEXT},
        "required": ["run", "name"],
    },
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False),
)
SEARCH = Tool(
    name="search_skills",
    title="Search skills",
    description="Find functions that programs import from skills",
    input_schema={
        "type": "object",
        "properties": {"query": _TEXT, "agent": _TEXT, "limit": {"type": "integer"}},
        "required": ["query"],
    },
    annotations=ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)


class SkillTools(Protocol):
    """What a client's agents may do with skills."""

    async def save_skill(
        self, run: str, name: str, *, description: str | None, scope: Scope, agent: str
    ) -> Skill:
        """Make a skill of a run that succeeded. Raises ``UnderpassError``."""
        ...

    async def search_skills(
        self, query: str, *, agent: str, limit: int, language: Language | None = None
    ) -> list[SkillHit]:
        """Return the skills that fit best. Raises ``UnderpassError``."""
        ...


Keeping = Callable[[ServerRequestContext[Any]], SkillTools]
"""Returns what the client behind a request may do with skills."""


class SkillCalls:
    """Answers calls of the two tools.

    Parameters:
        skills: what the client behind a request may do with skills.
    """

    def __init__(self, skills: Keeping) -> None:
        self._skills = skills

    async def save(
        self,
        context: ServerRequestContext[Any],
        run: str,
        name: str,
        *,
        description: str | None = None,
        scope: str = "agent",
        agent: str = "default",
    ) -> CallToolResult:
        """Answer ``save_skill``."""
        if scope not in SCOPES:
            raise ValidationFailed(
                f"scope: there is no {scope[:40]!r}", hint=f"there are: {', '.join(SCOPES)}"
            )
        skill = await self._skills(context).save_skill(
            run, name, description=description, scope=scope, agent=agent
        )
        value = saved(skill)
        return _shown(f"{skill.name} {skill.version} is saved: {value['import']}", value)

    async def search(
        self, context: ServerRequestContext[Any], query: str, *, agent: str = "default", limit: int = _USUAL
    ) -> CallToolResult:
        """Answer ``search_skills``."""
        if not 1 <= limit <= _MOST:
            raise ValidationFailed(f"limit: {limit} is out of bounds", hint=f"give 1 to {_MOST}")
        hits = await self._skills(context).search_skills(query, agent=agent, limit=limit)
        found = [hit.line() for hit in hits]
        lines = [f"{hit.import_line}\n  {_summed_up(hit)}" for hit in hits]
        return _shown("\n".join(lines) or "no skills", {"skills": found})

    async def beside_tools(
        self,
        context: ServerRequestContext[Any],
        request: SearchRequest,
        directory: ToolDirectory,
        texts: HitTexts,
        agent: str,
    ) -> CallToolResult:
        """Answer ``search_tools`` where skills are asked for as well: those of the request's language."""
        found = await beside_tools(
            request, directory, _OfClient(self._skills(context)), agent, request.language
        )
        lines = texts.heading()
        for hit in found:
            lines += (
                texts.lines([hit]) if isinstance(hit, Hit) else [f"{hit.import_line}\n  {_summed_up(hit)}"]
            )
        hits = [texts.hit(hit) if isinstance(hit, Hit) else _beside(hit) for hit in found]
        return _shown("\n".join(lines) if found else "no tool or skill fits", {"tools": hits})


class _OfClient:
    def __init__(self, skills: SkillTools) -> None:
        self._skills = skills

    async def search(
        self, query: str, agent: str = "default", *, limit: int = 10, language: Language | None = None
    ) -> list[SkillHit]:
        return await self._skills.search_skills(query, agent=agent, limit=limit, language=language)


def _summed_up(hit: SkillHit) -> str:
    line = hit.line()
    return f"{line['signature']}\n  {line['summary']}"


def _beside(hit: SkillHit) -> dict[str, Any]:
    line = hit.line()
    return {"module": "skills", **{name: line[name] for name in ("signature", "summary", "import")}}


def _shown(text: str, value: dict[str, Any]) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=value)
