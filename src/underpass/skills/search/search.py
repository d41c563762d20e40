"""Finds skills by what they do."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import anyio.to_thread

from underpass.discovery.embeddings import Embeddings
from underpass.discovery.hit import Hit
from underpass.skills.seams import SkillFigures, SkillSource
from underpass.skills.search.catalog_text import catalog_text
from underpass.skills.search.hit import SkillHit
from underpass.skills.search.index import SkillIndex
from underpass.skills.search.view import View
from underpass.skills.skill import Language, SkillEntry

LEAST_USES: Final = 5
"""So many uses say something about a skill; with fewer its failures do not count."""
_LOWEST: Final = 0.1
"""One that always fails keeps this part of its score: it can still be found by its name."""
_MOST: Final = 50
_LOOKED_AT: Final = 3
"""So many times more than are wanted are looked at, since some of them sink."""
_VIEWS: Final = 64


class SkillSearch:
    """A ranked search over the skills that an agent sees.

    A program's search finds what a program can import: skills with a problem, and those that call tools
    of servers that are not configured, are left out. People find these as well, last, with the reason.

    From five uses on, a skill's score counts times the share of its uses that succeeded: who fails often
    sinks.

    Call it from the event loop's thread; it waits for the disk in another.

    Parameters:
        source: the skills. An agent's listing is read at each search, and what has changed in it alone is
            indexed again.
        servers: the names of the configured servers.
        figures: what is known of uses; by default nothing.
        embeddings: searches by meaning as well.
        catalog_tokens: the bound of ``catalog``.
    """

    def __init__(
        self,
        source: SkillSource,
        *,
        servers: Callable[[], Collection[str]],
        figures: SkillFigures | None = None,
        embeddings: Embeddings | None = None,
        catalog_tokens: int = 600,
    ) -> None:
        self._source = source
        self._servers = servers
        self._figures = figures
        self._index = SkillIndex(embeddings)
        self._views: OrderedDict[str, View] = OrderedDict()
        self._catalog_tokens = catalog_tokens

    async def search(
        self,
        query: str,
        agent: str = "default",
        *,
        limit: int = 10,
        language: Language | None = None,
        everything: bool = False,
    ) -> list[SkillHit]:
        """Return the skills that fit ``query`` best, the best first.

        Parameters:
            query: words for one step of a task.
            agent: whose skills, with the project's and the user's.
            limit: how many, 50 at most.
            language: only skills that programs in it can import. Default: of both.
            everything: also those that cannot be used, after the others, with ``problem``.
        """
        view, _ = await self._view(agent)
        usable = _usable(view, language)
        limit = min(limit, _MOST)
        hits = await self._ranked(view, query, usable, limit)
        if everything and len(hits) < limit:
            rest = {
                number
                for number in view.problems
                if language is None or view.by_number[number].language == language
            }
            hits += await self._ranked(view, query, rest, limit - len(hits))
        return hits

    async def list(self, agent: str = "default") -> list[SkillHit]:
        """Return all skills that an agent sees, by name; those that cannot be used say why."""
        view, entries = await self._view(agent)
        known = await self._known([entry.name for entry in entries])
        return [_with_figures(SkillHit(entry, problem=view.problem(entry)), known) for entry in entries]

    async def catalog(self, agent: str = "default", language: Language | None = None) -> str:
        """Return a list of the skills that can be used, for a model; empty where there is none.

        It has at most ``catalog_tokens`` tokens: the most used first, grouped by the servers that they
        call, and how many are left out.

        Parameters:
            language: only skills that programs in it can import. Default: of both.
        """
        view, _ = await self._view(agent)
        entries = [view.by_number[number] for number in _usable(view, language)]
        known = await self._known([entry.name for entry in entries])
        return catalog_text(
            sorted(entries, key=lambda entry: (-known.get(entry.name, (0, 0.0))[0], entry.name)),
            self._servers(),
            self._catalog_tokens,
        )

    async def _view(self, agent: str) -> tuple[View, Sequence[SkillEntry]]:
        entries = await anyio.to_thread.run_sync(self._source.entries, agent)
        view = self._views.setdefault(agent, View(self._index))
        self._views.move_to_end(agent)
        view.update(entries, self._servers())
        if len(self._views) > _VIEWS:
            self._views.popitem(last=False)[1].close()
        return view, entries

    async def _ranked(self, view: View, query: str, allowed: Collection[int], limit: int) -> list[SkillHit]:
        found = self._index.search(query, allowed)
        best = sorted(found, key=lambda number: (-found[number][0], view.by_number[number].name))
        hits = [
            SkillHit(view.by_number[number], *found[number], problem=view.problems.get(number))
            for number in best[: limit * _LOOKED_AT]
        ]
        known = await self._known([hit.name for hit in hits])
        # The order of before stays among equals.
        hits = sorted((_sunk(_with_figures(hit, known)) for hit in hits), key=lambda hit: -hit.score)
        return hits[:limit]

    async def _known(self, names: Sequence[str]) -> Mapping[str, tuple[int, float]]:
        if self._figures is None or not names:
            return {}
        return await anyio.to_thread.run_sync(self._figures.success, names)


def together(tools: Sequence[Hit], skills: Sequence[SkillHit], limit: int) -> list[Hit | SkillHit]:
    """Return one ranking of the tools and the skills that one request has found, the best first.

    Each is placed by how much of the request it has; of a skill and a tool that are equal the skill is
    first, since it has worked before.

    Parameters:
        limit: how many at most.
    """
    found: list[Hit | SkillHit] = [*skills, *tools]
    return sorted(found, key=lambda hit: -hit.fit)[:limit]


def _usable(view: View, language: Language | None) -> Collection[int]:
    return view.usable[language] if language else view.usable["python"] | view.usable["typescript"]


def _with_figures(hit: SkillHit, known: Mapping[str, tuple[int, float]]) -> SkillHit:
    if hit.name not in known or not known[hit.name][0]:
        return hit
    uses, success = known[hit.name]
    return replace(hit, uses=uses, success=success)


def _sunk(hit: SkillHit) -> SkillHit:
    if hit.uses < LEAST_USES or hit.success is None:
        return hit
    part = max(hit.success, _LOWEST)
    return replace(hit, score=hit.score * part, fit=hit.fit * part)
