"""Tools and skills of one request, in one ranking."""

from __future__ import annotations

from typing import Protocol

from underpass.discovery.directory import ToolDirectory
from underpass.discovery.hit import Hit
from underpass.discovery.request import SearchRequest
from underpass.skills.search.hit import SkillHit
from underpass.skills.search.search import together
from underpass.skills.skill import Language


class FindsSkills(Protocol):
    """What finds skills: ``SkillSearch``, or all that can be done with skills."""

    async def search(
        self, query: str, agent: str = "default", *, limit: int = 10, language: Language | None = None
    ) -> list[SkillHit]:
        """Return the skills that fit best."""
        ...


async def beside_tools(
    request: SearchRequest,
    tools: ToolDirectory,
    skills: FindsSkills,
    agent: str,
    language: Language | None = None,
) -> list[Hit | SkillHit]:
    """Return what fits the one query of ``request`` best, tools and skills in one ranking.

    Parameters:
        request: one with ``skills``.
        agent: whose skills.
        language: only skills that programs in it can import. Default: of both.
    """
    fitting = await skills.search(request.query or "", agent, limit=request.hits, language=language)
    # A request of one query finds no groups.
    hits = [hit for hit in await tools.answer(request) if isinstance(hit, Hit)]
    return together(hits, fitting, request.hits)
