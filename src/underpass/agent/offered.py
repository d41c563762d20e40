"""Which tools a model is told of before it begins: those that fit its command, and their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.calls import CALLS, Language
from underpass.codegen.interface import tool_interface
from underpass.discovery.hit import Hit
from underpass.discovery.known_tools import COMMENTS, tool_line
from underpass.metrics import tokens

_FIRST: Final = 3
"""Hits that are told of with their types and what they do."""
_SERVERS: Final = 4
_LARGE: Final = 25
"""Tools of a server of which no neighbours are told: a search is better at them."""
_ROOM: Final = 250
"""Tokens of all lines; the first hits may take more."""
_PARAMETERS: Final = 8
"""Parameters of a neighbour that are named."""


def offered(
    hits: Sequence[Hit], known: Mapping[str, Listing], modules: Mapping[str, str], language: Language
) -> str:
    """Return a line for each tool that a program for the command is likely to need.

    Most commands need several tools of the same servers, and a search with the whole command finds one of
    them: so the other tools of these servers are told of as well, by the names of their parameters.

    Parameters:
        hits: what a search with the command has found, the best first.
        known: the servers' tools.
        modules: what programs call the servers.
        language: of the lines.
    """
    told: dict[str, str] = {}
    room = _ROOM
    for place, (name, line) in enumerate(_lines(hits, known, modules, language)):
        size = tokens.count(line)
        if name not in told and (place < _FIRST or size <= room):
            told[name] = line
            room -= size
    return "\n".join(told.values())


def _lines(
    hits: Sequence[Hit], known: Mapping[str, Listing], modules: Mapping[str, str], language: Language
) -> Iterator[tuple[str, str]]:
    """Yield the ids and lines of tools, those first that are the likeliest."""
    for hit in hits[:_FIRST]:
        call = hit.signature(language)
        yield hit.id, tool_line(modules[hit.server], call, hit.summary, comment=COMMENTS[language])
    for server in _ranked(hits)[:_SERVERS]:
        tools = known[server].tools if server in known else ()
        if len(tools) <= _LARGE:
            for tool in tools:
                yield tool.id, _names(tool, modules[server], language)
    for hit in hits[_FIRST:]:
        yield hit.id, _names(hit.tool, modules[hit.server], language)


def _ranked(hits: Sequence[Hit]) -> list[str]:
    """Return the servers of hits, that one first whose tools fit best."""
    weights: dict[str, float] = {}
    for rank, hit in enumerate(hits, 1):
        weights[hit.server] = weights.get(hit.server, 0) + 1 / rank
    return sorted(weights, key=lambda server: -weights[server])


def _names(tool: ToolDefinition, module: str, language: Language) -> str:
    """Return a call with the names of its parameters: ``git.git_log(repo_path, max_count?)``."""
    calls = CALLS[language]
    interface = tool_interface(tool)
    names = calls.names(interface)
    shown = [f"{names[each.name]}{'' if each.required else '?'}" for each in interface.parameters]
    inside = ", ".join([*shown[:_PARAMETERS], *(["…"] if len(shown) > _PARAMETERS else [])])
    if language == "typescript":
        inside = f"{{ {inside} }}" if inside else "{}"
    return f"{module}.{calls.path(tool).partition('.')[2]}({inside})"
