"""The seam to one MCP server, and the fake that tests use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import anyio

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.errors import ToolNotFound, ToolTimeout

Progress = Callable[[float, float | None, str | None], Awaitable[None]]
"""Called with the progress, the total if known, and a message if there is one."""

Method = Literal[
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "skills/list",
    "skills/get",
]
"""A request besides those for tools, by its name in the protocol."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a server answered to one call, still in the protocol's terms.

    ``content`` holds the protocol's content blocks as plain JSON objects. ``structured`` is the
    ``structuredContent`` when ``has_structured``; any JSON value, ``None`` included.
    """

    content: Sequence[Mapping[str, Any]] = ()
    structured: Any = None
    has_structured: bool = False
    is_error: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Upstream(Protocol):
    """One MCP server that can be listed and called."""

    async def list_tools(self) -> Listing:
        """Return every page of the server's tools. Raises ``ServerUnavailable``."""
        ...

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,  # noqa: ASYNC109 - the protocol sends it on
        progress: Progress | None = None,
    ) -> ToolOutcome:
        """Call one tool, and give up after ``timeout`` seconds.

        Raises a ``ToolError`` when the server gives no result at all.
        """
        ...


@runtime_checkable
class RequestUpstream(Protocol):
    """An ``Upstream`` that may have resources and prompts as well."""

    async def request(
        self,
        method: Method,
        params: Mapping[str, Any],
        *,
        timeout: float,  # noqa: ASYNC109 - part of the request; the server is told when it passes
    ) -> Mapping[str, Any]:
        """Make one request, and return its result as the server gave it.

        Raises ``ToolNotFound`` when the server offers nothing of the kind, or another ``ToolError``.
        """
        ...


def tool_timeout(server: str, tool: str, timeout: float) -> ToolTimeout:
    """The error that an ``Upstream`` raises when a tool gave no answer within ``timeout`` seconds."""
    return ToolTimeout(
        f"{server}.{tool} did not answer within {timeout:g} s",
        hint="ask for less, or raise calls.timeout",
        server=server,
        tool=tool,
        timeout=timeout,
        setting="calls.timeout",
    )


Handler = Callable[[Mapping[str, Any]], Awaitable[ToolOutcome]]


class InMemoryUpstream:
    """A server that is a dictionary of async functions: for tests and for tools in process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tools: dict[str, tuple[ToolDefinition, Handler]] = {}

    def add(self, definition: ToolDefinition, handler: Handler) -> None:
        """Add a tool, or replace the one of the same name."""
        self._tools[definition.name] = (definition, handler)

    async def list_tools(self) -> Listing:
        return Listing(tools=tuple(definition for definition, _ in self._tools.values()))

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,  # noqa: ASYNC109
        progress: Progress | None = None,  # noqa: ARG002
    ) -> ToolOutcome:
        if name not in self._tools:
            raise ToolNotFound.named(self.name, name, self._tools)
        with anyio.CancelScope(deadline=anyio.current_time() + timeout):
            return await self._tools[name][1](arguments)
        raise tool_timeout(self.name, name, timeout)
