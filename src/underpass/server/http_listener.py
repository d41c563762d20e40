"""The HTTP server's connections: who says nothing is hung up on, and closing waits for work alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, cast

import anyio
import anyio.lowlevel
import uvicorn
from sse_starlette.sse import AppStatus
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_SILENCE = 10
"""Seconds that a connection may stay open without a request: for its first, and between two."""
_EVENTS = "/events"
"""Ends the paths at which there are streams, whatever a client says that it takes."""


class Streams:
    """Ends the streams that clients keep open for news when the server closes: nothing else would.

    They end after the last request that is under way, since a client may give up both together.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: set[anyio.CancelScope] = set()
        self._working = 0
        self._closing = False

    def close(self) -> None:
        """End every stream as soon as no request is under way."""
        self._closing = True
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._closing and not self._working:
            for scope in self._open:
                scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accept = Headers(scope=scope).get("accept", "")
        if scope["method"] == "GET" and ("text/event-stream" in accept or scope["path"].endswith(_EVENTS)):
            await self._stream(scope, receive, send)
            return
        self._working += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._working -= 1
            self._end_if_idle()

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        with anyio.CancelScope() as stream:
            self._open.add(stream)
            self._end_if_idle()
            try:
                await self._app(scope, receive, watched)
            finally:
                self._open.discard(stream)
        if stream.cancelled_caught and started:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class Listener(uvicorn.Server):
    """Serves ``app`` on a socket that listens already, until SIGINT, SIGTERM or ``should_exit``.

    Parameters:
        closing: called when the server begins to close.
        finishing: awaited beside that: it ends when what goes on without a request has finished.
        silence: seconds after which a connection without a complete request is looked at; it is closed
            when there is still none after as many again.
        grace: seconds that requests have to finish when the server closes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        closing: Callable[[], None],
        finishing: Callable[[], Coroutine[Any, Any, None]] = anyio.lowlevel.checkpoint,
        silence: float = _SILENCE,
        grace: float = 10.0,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=_protocol(silence),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_SILENCE,
            timeout_graceful_shutdown=max(round(grace), 1),
        )
        super().__init__(config)
        self._closing = closing
        self._finishing = finishing
        # By itself it ends every stream at once, those of calls under way among them.
        AppStatus.disable_automatic_graceful_drain()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing()
        # Both before the signal is raised again, which cancels everything.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._finishing)
            await super().shutdown(sockets)


def _protocol(silence: float) -> type[asyncio.Protocol]:
    """Connections that do not wait for ever for a request: uvicorn's have no limit for that."""

    class Connection(H11Protocol):
        _seen: object = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn narrows it
            super().connection_made(transport)
            self.loop.call_later(silence, self._look)

        def _look(self) -> None:
            if self.transport.is_closing():
                return
            # At the second look without a request since the first, there will be none.
            busy = cast("object", self.cycle) is not None and not self.cycle.response_complete
            mark = object() if busy else (self.cycle or self)
            if mark is self._seen:
                self.transport.abort()
                return
            self._seen = mark
            self.loop.call_later(silence, self._look)

    return Connection
