"""What an index knows of one tool: its category, its capabilities, and the tools nearest to it."""

from __future__ import annotations

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.facts import NO_FACTS, ToolFacts
from underpass.discovery.hit import summary
from underpass.discovery.index import ToolIndex
from underpass.discovery.words import terms

OWN, OTHERS = 3, 2
"""How many related tools of the same server, and of others."""

_LOOKED_AT = 8
"""Hits among which the tools of other servers are looked for."""


def tool_facts(index: ToolIndex, tool: ToolDefinition) -> ToolFacts:
    """Return what ``index`` knows of ``tool``; nothing of a tool that is not in it.

    The related tools are those that its name and the first sentence of its description find: first up to
    three of the same server, then up to two of others. Of nearly equal tools the best alone is named, and
    none that is nearly equal to the tool itself.
    """
    query = f"{' '.join(terms(tool.name))} {summary(tool.description)}"
    own = index.search(query, len(index), tool.server)
    this = next((hit for hit in own if hit.name == tool.name), None)
    if this is None:
        return NO_FACTS
    near = [hit.tool for hit in own if hit is not this and hit.score > 0][:OWN]
    names = {tuple(terms(known.name)) for known in (tool, *near)}
    others = [
        hit.tool
        for hit in index.search(query, _LOOKED_AT, collapse=True)
        if hit.server != tool.server and tuple(terms(hit.name)) not in names
    ]
    return ToolFacts(this.category, this.capabilities, (*near, *others[:OTHERS]))
