"""How much each term says of a tool: BM25 over weighted fields, of one definition at a time.

The typical lengths of the fields are constants, measured over ten thousand real tools, and not means
over the tools at hand: a tool's impacts then depend on its definition alone, and adding or removing a
server leaves those of the others as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from underpass.catalog.definition import ToolDefinition
from underpass.discovery.words import terms

SCALE = 255
"""Impacts are whole numbers up to this, so that a posting takes a byte of it."""

_SATURATION = 1.2  # BM25's k1
_LENGTH = 0.5  # BM25's b: tool descriptions differ in length for little reason
_FIRST = re.compile(r"(?<=[.!?])\s|\n")
_MOST_TEXT = 20_000
_MOST_CHOICES = 20

# The weight of each field, and its typical length in terms.
_NAME = (3.0, 3.0)
_SERVER = (2.0, 5.4)
_TITLE = (1.0, 0.2)
_FIRST_SENTENCE = (2.0, 6.5)
_DESCRIPTION = (1.0, 18.2)
_PARAMETERS = (1.0, 5.7)
_DETAILS = (0.5, 23.5)
_CHOICES = (0.3, 1.0)


def impacts(tool: ToolDefinition) -> dict[str, int]:
    """Return how much each term of a definition says of it, from 1 to 255."""
    weights: dict[str, float] = {}
    known = weights.get
    for (weight, typical), text in _fields(tool):
        found = terms(text) if text else ()
        if not found:
            continue
        scale = weight / (1 - _LENGTH + _LENGTH * len(found) / typical)
        for term in found:
            weights[term] = known(term, 0.0) + scale
    return {term: int(SCALE * weight / (weight + _SATURATION)) or 1 for term, weight in weights.items()}


def _fields(tool: ToolDefinition) -> Iterator[tuple[tuple[float, float], str]]:
    yield _NAME, tool.name
    yield _SERVER, tool.server
    yield _TITLE, tool.title or ""
    first, *rest = _FIRST.split(tool.description.strip()[:_MOST_TEXT], maxsplit=1)
    yield _FIRST_SENTENCE, first
    yield _DESCRIPTION, rest[0] if rest else ""
    parameters = _mapping(_mapping(tool.input_schema).get("properties"))
    yield _PARAMETERS, " ".join(parameters)
    details: list[str] = []
    choices: list[str] = []
    for parameter in map(_mapping, parameters.values()):
        if isinstance(described := parameter.get("description"), str):
            details.append(described)
        if isinstance(values := parameter.get("enum"), list):
            choices.extend(map(str, cast("list[object]", values)[:_MOST_CHOICES]))
    yield _DETAILS, " ".join(details)[:_MOST_TEXT]
    yield _CHOICES, " ".join(choices)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
