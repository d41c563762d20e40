"""`underpass serve --http`: the facade over streamable HTTP, in both eras of the protocol, and the API."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from typing import Any

import anyio.lowlevel
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from underpass.config import ServiceSettings
from underpass.server.api.application import not_understood
from underpass.server.api.service import ApiService
from underpass.server.http_access import Access, lacking, principal_of
from underpass.server.http_guard import Guard
from underpass.server.http_listener import Listener, Streams
from underpass.server.http_log import AccessLog
from underpass.server.http_rate import Rates
from underpass.server.http_sessions import BrowserSessions

PATH = "/mcp"
_ENVELOPE = 1024 * 1024
"""Bytes of a request beside the arguments of the call in it."""
_SESSIONS = 1_000
"""Clients of the older era that may be connected at once."""


class HttpService:
    """Serves one MCP server at ``PATH``, and the API beside it.

    Parameters:
        token: the operator's.
        names: the names that a request's Host may have, besides numbers.
        max_argument_bytes: the setting ``calls.max_argument_bytes``, which bounds the requests.
        api: what else there is; by default nothing, and no token but the operator's.
        settings: how many requests a token may make, and how long they have to finish.
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
        api: ApiService | None = None,
        settings: ServiceSettings | None = None,
        body_seconds: float = 30.0,
        silence: float = 10.0,
    ) -> None:
        limit = max_argument_bytes + _ENVELOPE
        chosen = settings or ServiceSettings()
        self._api = api
        self._sessions = StreamableHTTPSessionManager(
            server, max_request_body_size=limit, max_sessions=_SESSIONS
        )
        mcp = Route(PATH, endpoint=_ForRunning(StreamableHTTPASGIApp(self._sessions)))
        routes = [mcp, *(() if api is None else api.routes())]
        app = Starlette(routes=routes, exception_handlers={HTTPException: not_understood})
        app.router.redirect_slashes = False
        streams = Streams(_Straight(app, routes))
        tokens, browsers = (None, BrowserSessions()) if api is None else (api.tokens, api.browsers)
        guard = Guard(
            streams,
            access=Access(token, tokens, browsers),
            rates=Rates(chosen.requests_per_second, chosen.burst),
            is_open=(lambda _path: False) if api is None else api.is_open,
            names=names,
            max_body=limit,
            body_seconds=body_seconds,
        )
        self._listener = Listener(
            AccessLog(guard),
            closing=streams.close,
            finishing=anyio.lowlevel.checkpoint if api is None else api.desk.close,
            silence=silence,
            grace=chosen.grace_seconds,
        )

    async def serve(self, listening: socket.socket) -> None:
        """Answer requests until SIGINT, SIGTERM or ``close``; those that are under way may finish.

        The signal is raised again once everything is closed.
        """
        async with AsyncExitStack() as stack:
            if self._api is not None:
                await stack.enter_async_context(self._api.totals)
                await stack.enter_async_context(self._api.desk)
            await stack.enter_async_context(self._sessions.run())
            await self._listener.serve(sockets=[listening])

    def close(self) -> None:
        """Take no more requests, and let ``serve`` return when those that are under way are done."""
        self._listener.should_exit = True


class _Straight:
    """Requests at paths without names in them, straight to their routes; all others through Starlette.

    It would try one pattern after the other, and has middleware for errors that our routes answer themselves.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes = {
            (method, route.path): route.app
            for route in routes
            if isinstance(route, Route) and route.path.startswith("/api/") and "{" not in route.path
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._routes.get((scope["method"], scope["path"]))
        if found is not None:
            scope["path_params"] = {}
        await (found or self._app)(scope, receive, send)


class _ForRunning:
    """MCP, for those whose token lets them run programs: most of its tools do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["underpass.route"] = PATH
        refusal = lacking(principal_of(scope), "run")
        await (refusal or self._app)(scope, receive, send)
