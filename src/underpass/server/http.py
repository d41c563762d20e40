"""`underpass serve --http`: the facade over streamable HTTP, in both eras of the protocol."""

from __future__ import annotations

import socket
from collections.abc import Set as AbstractSet
from typing import Any

from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Route

from underpass.server.http_guard import Guard
from underpass.server.http_listener import Listener, Streams

PATH = "/mcp"
_ENVELOPE = 1024 * 1024
"""Bytes of a request beside the arguments of the call in it."""
_SESSIONS = 1_000
"""Clients of the older era that may be connected at once."""


class HttpService:
    """Serves one MCP server at ``PATH``.

    Parameters:
        token: what every request must carry as its bearer token.
        names: the names that a request's Host may have, besides numbers.
        max_argument_bytes: the setting ``calls.max_argument_bytes``, which bounds the requests.
        body_seconds: how long the sending of a request's body may take.
        silence: seconds until a connection without a request is closed, or up to twice as many.
    """

    def __init__(
        self,
        server: Server[Any],
        *,
        token: str,
        names: AbstractSet[str],
        max_argument_bytes: int,
        body_seconds: float = 30.0,
        silence: float = 10.0,
    ) -> None:
        limit = max_argument_bytes + _ENVELOPE
        self._sessions = StreamableHTTPSessionManager(
            server, max_request_body_size=limit, max_sessions=_SESSIONS
        )
        streams = Streams(Starlette(routes=[Route(PATH, endpoint=StreamableHTTPASGIApp(self._sessions))]))
        guard = Guard(streams, token=token, names=names, max_body=limit, body_seconds=body_seconds)
        self._listener = Listener(guard, closing=streams.close, silence=silence)

    async def serve(self, listening: socket.socket) -> None:
        """Answer requests until SIGINT, SIGTERM or ``close``; those that are under way may finish.

        The signal is raised again once everything is closed.
        """
        async with self._sessions.run():
            await self._listener.serve(sockets=[listening])

    def close(self) -> None:
        """Take no more requests, and let ``serve`` return when those that are under way are done."""
        self._listener.should_exit = True
