"""Tools that several servers offer alike: forks of a server, and the same service wrapped twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from underpass.catalog.definition import ToolDefinition
from underpass.discovery.words import terms

_ALIKE = 0.6
"""The share of words that two descriptions must have in common."""


def collapsed(
    best: Sequence[int], tool: Callable[[int], ToolDefinition], limit: int
) -> list[tuple[int, list[int]]]:
    """Return the first tools of ``best`` that are not nearly equal to one before, each with those that are.

    Two tools of different servers are nearly equal if their names are the same words and their
    descriptions share most words.
    """
    groups: list[tuple[int, list[int]]] = []
    by_name: dict[tuple[str, ...], list[tuple[int, str, frozenset[str]]]] = {}
    for number in best:
        definition = tool(number)
        words = frozenset(terms(definition.description))
        named = by_name.setdefault(tuple(terms(definition.name)), [])
        for place, server, others in named:
            if server != definition.server and _overlap(words, others) >= _ALIKE:
                groups[place][1].append(number)
                break
        else:
            if len(groups) == limit:
                break
            named.append((len(groups), definition.server, words))
            groups.append((number, []))
    return groups


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0
