"""What a search found, in the words that a model reads and in the JSON beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from underpass.codegen.calls import Language
from underpass.discovery.groups import HitGroup
from underpass.discovery.hit import Hit
from underpass.discovery.known_tools import COMMENTS, tool_line

_PAGES: Final = 8
"""Tools of an answer that are documented, where that is asked for; of the others it has the line."""
_IMPORT: Final = 'import { SERVER } from "mcp-servers"; await each call'
_NOTHING: Final = "no tool fits: use other words, or list_categories and list_servers"


def bounded(found: Sequence[Hit]) -> list[Hit]:
    """Return the hits, of which the first few alone are in full."""
    return [hit if place < _PAGES else replace(hit, detail="brief") for place, hit in enumerate(found)]


def bounded_groups(found: Sequence[HitGroup]) -> list[HitGroup]:
    """Return the groups, of whose hits the first few alone are in full."""
    hits = iter(bounded([hit for group in found for hit in group.tools]))
    return [replace(group, tools=tuple(islice(hits, len(group.tools)))) for group in found]


class HitTexts:
    """Writes hits for one language.

    Parameters:
        language: of the signatures.
        modules: what programs in it call the servers.
    """

    def __init__(self, language: Language, modules: Mapping[str, str]) -> None:
        self._language: Language = language
        self._modules = modules

    def of_hits(self, hits: Sequence[Hit], unlisted: int = 0) -> str:
        """Return a line for each hit: how it is called, and what it does.

        Parameters:
            hits: what was found.
            unlisted: how many servers' tools are not known; said where nothing was found.
        """
        if not hits:
            return _nothing(unlisted)
        return "\n".join([*self.heading(), *self.lines(hits)])

    def of_groups(self, groups: Sequence[HitGroup], unlisted: int = 0) -> str:
        """Return the queries, each with the lines of its hits; parameters as for ``of_hits``."""
        lines = self.heading()
        for group in groups:
            lines += [f"## {group.query}", *self.lines(group.tools)]
            if group.also:
                lines.append(f"also {', '.join(group.also)}")
            elif not group.tools:
                lines.append(_nothing(unlisted))
        return "\n".join(lines)

    def hit(self, hit: Hit) -> dict[str, Any]:
        """Return the hit as JSON, in brief with what a call needs."""
        if hit.detail == "full":
            return {"module": self._modules[hit.server], **hit.to_dict(self._language)}
        return {
            "module": self._modules[hit.server],
            "signature": hit.signature(self._language),
            "summary": hit.summary,
        }

    def group(self, group: HitGroup) -> dict[str, Any]:
        """Return the group as JSON."""
        shown: dict[str, Any] = {"query": group.query, "tools": [self.hit(hit) for hit in group.tools]}
        return shown | ({"also": list(group.also)} if group.also else {})

    def heading(self) -> list[str]:
        """Return how TypeScript gets at a server; ``run_code`` says how Python does."""
        return [] if self._language == "python" else [_IMPORT]

    def lines(self, hits: Sequence[Hit]) -> list[str]:
        """Return how each hit is called, and what it does."""
        return [
            hit.documentation(self._language)
            if hit.detail == "full"
            else tool_line(
                self._modules[hit.server],
                hit.signature(self._language),
                hit.summary,
                comment=COMMENTS[self._language],
            )
            for hit in hits
        ]


def _nothing(unlisted: int) -> str:
    if not unlisted:
        return _NOTHING
    return f"{_NOTHING}, which says why {unlisted} could not be searched"
