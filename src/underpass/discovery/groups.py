"""Several searches at once, in which no tool comes twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from underpass.codegen.calls import Language
from underpass.discovery.hit import Hit


@dataclass(frozen=True, slots=True)
class HitGroup:
    """What fits one of several queries."""

    query: str
    tools: tuple[Hit, ...]
    also: tuple[str, ...] = ()
    """The ids of tools that fit as well, and stand under the query that they fit better."""

    def to_dict(self, language: Language = "python") -> dict[str, Any]:
        """The group as a JSON object: ``query``, ``tools``, and ``also`` where there is any."""
        shown: dict[str, Any] = {"query": self.query, "tools": [hit.to_dict(language) for hit in self.tools]}
        return shown | ({"also": list(self.also)} if self.also else {})


def grouped(found: Mapping[str, Sequence[Hit]]) -> list[HitGroup]:
    """Put each tool under the query for which it comes first, or the earlier one of two such.

    Parameters:
        found: the hits of each query, the best first.
    """
    best: dict[str, tuple[int, str]] = {}
    for query, hits in found.items():
        for rank, hit in enumerate(hits):
            if hit.id not in best or rank < best[hit.id][0]:
                best[hit.id] = rank, query
    return [
        HitGroup(
            query,
            tuple(hit for hit in hits if best[hit.id][1] == query),
            tuple(hit.id for hit in hits if best[hit.id][1] != query),
        )
        for query, hits in found.items()
    ]
