"""Where the broker's tools come from, and the fake that tests use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from underpass.catalog import Listing, Progress, ToolOutcome, Upstream
from underpass.errors import ServerNotFound


class ToolSource(Protocol):
    """What the broker needs of a catalog."""

    async def listing(self, server: str) -> Listing:
        """Return a server's tools: the same object as long as they are the same.

        Raises ``ServerNotFound`` or ``ServerUnavailable``.
        """
        ...

    async def call(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the source enforces it and tells the server
        progress: Progress | None = None,
    ) -> ToolOutcome:
        """Call a tool. Raises a ``ToolError`` when there is no result."""
        ...


class InMemoryCatalog:
    """Upstreams by name, with nothing to start: for tests and for tools in process."""

    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._upstreams = upstreams
        self._listings: dict[str, Listing] = {}

    async def listing(self, server: str) -> Listing:
        if server not in self._listings:
            self._listings[server] = await self._upstream(server).list_tools()
        return self._listings[server]

    async def call(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        progress: Progress | None = None,
    ) -> ToolOutcome:
        upstream = self._upstream(server)
        return await upstream.call_tool(
            tool, arguments, timeout=60.0 if timeout is None else timeout, progress=progress
        )

    def _upstream(self, server: str) -> Upstream:
        try:
            return self._upstreams[server]
        except KeyError:
            raise ServerNotFound.named(server, self._upstreams) from None
