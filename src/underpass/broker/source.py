"""Where the broker's tools come from, and the fake that tests use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from underpass.catalog import Listing, Progress, ToolOutcome, Upstream
from underpass.catalog.upstream import Method, RequestUpstream
from underpass.errors import ServerNotFound, ToolNotFound


class ToolSource(Protocol):
    """What the broker needs of a catalog."""

    async def ready(self, server: str) -> Listing:
        """Return a server's tools for a call: the same object as long as they are the same.

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

    async def request(
        self,
        server: str,
        method: Method,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> Mapping[str, Any]:
        """Make a request for resources or prompts. Raises a ``ToolError`` when there is no result."""
        ...


class InMemoryCatalog:
    """Upstreams by name, with nothing to start: for tests and for tools in process."""

    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._upstreams = upstreams
        self._listings: dict[str, Listing] = {}

    async def ready(self, server: str) -> Listing:
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

    async def request(
        self,
        server: str,
        method: Method,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Mapping[str, Any]:
        upstream = self._upstream(server)
        if not isinstance(upstream, RequestUpstream):
            raise ToolNotFound(f"server {server!r} has tools only", server=server, tool=method, known=[])
        return await upstream.request(method, params, timeout=60.0 if timeout is None else timeout)

    def _upstream(self, server: str) -> Upstream:
        try:
            return self._upstreams[server]
        except KeyError:
            raise ServerNotFound.named(server, self._upstreams) from None
