"""What the connected servers are about, in a few plain words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.discovery.categories import OTHER
from underpass.discovery.index import ToolIndex

_MOST_DOMAINS = 4
_LOOKED_AT = 8
"""Tools of each server at most: they vote together, and a start waits for all of them."""
_SERVERS_LOOKED_AT = 200
_NAMES = 36
"""Characters."""
# One to three short lowercase words leave no room for a sentence of somebody else's.
_PLAIN = re.compile(r"[a-z]{2,16}( [a-z]{2,16}){0,2}", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}", re.ASCII)


def domains(known: Mapping[str, Listing]) -> list[str]:
    """Return the categories of the most servers as words, at most four, sorted.

    A category counts where most of the tools that are looked at agree on it.

    Parameters:
        known: the listings that are known.
    """
    counts: Counter[str] = Counter()
    looked_at = {
        server: _spread(sorted(known[server].tools, key=lambda tool: tool.name))
        for server in islice(sorted(known), _SERVERS_LOOKED_AT)
    }
    # All in one index, as a search has them: what a tool's category is depends on its neighbours.
    index = ToolIndex.build([tool for tools in looked_at.values() for tool in tools])
    for server, tools in looked_at.items():
        for category, count in islice(index.list_categories(server).items(), 1):
            words = category.replace("-", " ")
            if category != OTHER and count * 2 > len(tools) and _PLAIN.fullmatch(words):
                counts[words] += 1
    best = sorted(counts, key=lambda words: (-counts[words], words))
    return sorted(best[:_MOST_DOMAINS])


def _spread(tools: Sequence[ToolDefinition]) -> Sequence[ToolDefinition]:
    # The first ones by name are often of one kind: `collection_…`.
    return tools[:: -(-len(tools) // _LOOKED_AT) or 1]


def named(modules: Iterable[str]) -> str:
    """Name the modules that are plain short words, as many as find room; the others are counted.

    A name comes from a configuration that others may have written: prose has no room in one word
    of 32 letters, and an identifier cannot end the sentence it stands in.
    """
    known = sorted(modules)
    shown: list[str] = []
    room = _NAMES
    for name in filter(_NAME.fullmatch, known):
        room -= len(name) + 2
        if room < 0:
            break
        shown.append(name)
    if not shown:
        return counted(known)
    more = len(known) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def counted(modules: Collection[str]) -> str:
    """Say how many there are."""
    return f"{len(modules)} MCP server{'' if len(modules) == 1 else 's'}"
