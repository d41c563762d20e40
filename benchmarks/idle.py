"""Servers in this process whose tools cost next to nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

Function = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


def server(name: str, **tools: Function) -> InMemoryUpstream:
    """A server with these tools; each takes whole numbers, by any name, and answers with an object."""
    upstream = InMemoryUpstream(name)
    for tool, function in tools.items():

        async def answer(arguments: Mapping[str, Any], function: Function = function) -> ToolOutcome:
            return ToolOutcome(structured=await function(arguments), has_structured=True)

        schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
        upstream.add(ToolDefinition(name, tool, f"The tool {tool}", input_schema=schema), answer)
    return upstream


async def nothing(_: Mapping[str, Any]) -> dict[str, Any]:
    """Answer at once."""
    return {"n": 1}


async def double(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answer with twice the number."""
    return {"n": arguments["n"] * 2}
