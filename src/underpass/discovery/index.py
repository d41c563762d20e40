"""A ranked search over tool definitions: field-weighted BM25, held in memory."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, cast

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.documentation import signature
from underpass.codegen.observed import Observations, unobserved
from underpass.discovery.words import terms

_WEIGHTS = {"name": 3.0, "server": 2.0, "description": 1.0, "parameters": 1.0, "details": 0.5}
_SATURATION = 1.2  # BM25's k1
_LENGTH = 0.5  # BM25's b: tool descriptions differ in length for little reason

_SUMMARY = 160
_SENTENCE = re.compile(r"(?<=[.!?])\s")


@dataclass(frozen=True, slots=True)
class Hit:
    """One tool that a search found."""

    id: str
    server: str
    name: str
    summary: str
    """The first sentence of the description, at most 160 characters."""
    signature: str
    """The generated function's signature, in one line."""
    score: float

    def to_dict(self) -> dict[str, Any]:
        """The hit as a JSON object; the score rounded to three places."""
        return {
            "id": self.id,
            "server": self.server,
            "name": self.name,
            "summary": self.summary,
            "signature": self.signature,
            "score": round(self.score, 3),
        }


class ToolIndex:
    """An immutable index; build a new one when the tools change."""

    def __init__(self, tools: Sequence[ToolDefinition], postings: Mapping[str, Mapping[int, float]]) -> None:
        self._tools = tools
        self._postings = postings
        self._by_server: dict[str, list[int]] = {}
        for number, tool in enumerate(tools):
            self._by_server.setdefault(tool.server, []).append(number)

    def __len__(self) -> int:
        return len(self._tools)

    @classmethod
    def build(cls, definitions: Iterable[ToolDefinition]) -> ToolIndex:
        """Index ``definitions``; the order they come in changes no result."""
        tools = sorted(definitions, key=lambda tool: tool.id)
        fields = [_fields(tool) for tool in tools]
        mean = {
            name: sum(sum(field[name].values()) for field in fields) / max(len(tools), 1) or 1.0
            for name in _WEIGHTS
        }
        weights: dict[str, dict[int, float]] = {}
        for number, field in enumerate(fields):
            for name, counts in field.items():
                length = sum(counts.values())
                scale = _WEIGHTS[name] / (1 - _LENGTH + _LENGTH * length / mean[name])
                for term, times in counts.items():
                    posting = weights.setdefault(term, {})
                    posting[number] = posting.get(number, 0.0) + scale * times
        return cls(tools, {term: _impacts(posting, len(tools)) for term, posting in weights.items()})

    def search(
        self,
        query: str,
        limit: int = 10,
        server: str | None = None,
        *,
        observed: Observations = unobserved,
    ) -> list[Hit]:
        """Return the tools that fit ``query`` best, the best first.

        Parameters:
            query: words for one step; names of servers in it count.
            limit: how many at most.
            server: only tools of the server with this exact name.
            observed: finds what earlier results of a tool looked like, for its signature.
        """
        postings = [self._postings[term] for term in dict.fromkeys(terms(query)) if term in self._postings]
        scores = _scores(postings) if server is None else self._scores_of(server, postings)
        best = heapq.nsmallest(limit, scores.items(), key=lambda scored: (-scored[1], scored[0]))
        return [_hit(self._tools[number], score, observed) for number, score in best]

    def _scores_of(self, server: str, postings: Sequence[Mapping[int, float]]) -> dict[int, float]:
        scored = {
            number: sum(posting.get(number, 0.0) for posting in postings)
            for number in self._by_server.get(server, ())
        }
        return {number: score for number, score in scored.items() if score > 0}


def summary(description: str) -> str:
    """Return the first sentence of ``description`` in one line of at most 160 characters."""
    paragraph = description.strip().partition("\n\n")[0]
    sentence = _SENTENCE.split(" ".join(paragraph.split()), maxsplit=1)[0]
    return sentence if len(sentence) <= _SUMMARY else sentence[: _SUMMARY - 1].rstrip() + "…"


def _scores(postings: Sequence[Mapping[int, float]]) -> dict[int, float]:
    scores: dict[int, float] = {}
    for posting in postings:
        for number, impact in posting.items():
            scores[number] = scores.get(number, 0.0) + impact
    return scores


def _impacts(posting: Mapping[int, float], tools: int) -> dict[int, float]:
    """Turn weighted term frequencies into the scores they add to a search."""
    rarity = log(1 + (tools - len(posting) + 0.5) / (len(posting) + 0.5))
    return {
        number: rarity * weight * (_SATURATION + 1) / (weight + _SATURATION)
        for number, weight in posting.items()
    }


def _fields(tool: ToolDefinition) -> dict[str, Counter[str]]:
    parameters = list(_parameters(tool.input_schema))
    return {
        "name": Counter(terms(tool.name)),
        "server": Counter(terms(tool.server)),
        "description": Counter(terms(f"{tool.title or ''} {tool.description}")),
        "parameters": Counter(terms(" ".join(name for name, _ in parameters))),
        "details": Counter(terms(" ".join(details for _, details in parameters))),
    }


def _parameters(schema: object) -> Iterator[tuple[str, str]]:
    """Yield the name and description of each top-level parameter; odd schemas yield none."""
    for name, details in _mapping(_mapping(schema).get("properties")).items():
        described = _mapping(details).get("description")
        yield name, described if isinstance(described, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _hit(tool: ToolDefinition, score: float, observed: Observations) -> Hit:
    line = signature(tool, observed=observed(tool))
    return Hit(tool.id, tool.server, tool.name, summary(tool.description), line, score)
