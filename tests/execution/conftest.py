"""Underpass with servers that are functions of this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

Tool = Callable[[Mapping[str, Any]], Awaitable[Any]]


def server(name: str, **tools: Tool) -> InMemoryUpstream:
    """A server whose tools take anything and answer with what their function returns."""
    upstream = InMemoryUpstream(name)
    for tool, function in tools.items():

        async def handle(arguments: Mapping[str, Any], function: Tool = function) -> ToolOutcome:
            return ToolOutcome(structured=await function(arguments), has_structured=True)

        schema = {"type": "object", "additionalProperties": True}
        upstream.add(ToolDefinition(name, tool, f"The tool {tool}", input_schema=schema), handle)
    return upstream


async def echo(arguments: Mapping[str, Any]) -> Any:
    return dict(arguments)


Open = Callable[..., AbstractAsyncContextManager[Underpass]]


@pytest.fixture(params=["process", "none"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens an Underpass of each tier with the servers given, or with one named ``demo``."""

    def open_with(*servers: InMemoryUpstream, **settings: Any) -> AbstractAsyncContextManager[Underpass]:
        chosen = servers or (server("demo", echo=echo),)
        return Underpass.open(
            {each.name: each for each in chosen}, sandbox=request.param, home=tmp_path, settings=settings
        )

    return open_with
