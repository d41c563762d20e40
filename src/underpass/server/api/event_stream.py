"""Events as a stream of ``text/event-stream``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from underpass.server.tenancy.events import Event

EVENT_STREAM: Final = "text/event-stream"
_ALIVE: Final = 15.0
"""Seconds after which a comment is sent where nothing has happened."""
_PATIENCE: Final = 60.0
"""Seconds that a client may take to read what was sent: then it is hung up on."""


class EventStream(Response):
    """An answer that goes on. Nothing waits in it: a slow client misses events, and holds up nobody."""

    media_type = EVENT_STREAM

    def __init__(self, events: AsyncIterator[Event]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

        async def write(body: bytes, *, more: bool = True) -> None:
            with anyio.fail_after(_PATIENCE):
                await send({"type": "http.response.body", "body": body, "more_body": more})

        async def follow() -> None:
            async for event in self._events:
                await write(line_of(event))
            await write(b"", more=False)
            tasks.cancel_scope.cancel()

        async def stay() -> None:
            while True:
                await anyio.sleep(_ALIVE)
                await write(b": still here\n\n")

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as tasks:
                for work in (follow, stay, listen):
                    tasks.start_soon(work)
        except* TimeoutError:
            pass  # it does not read: uvicorn closes the connection of an answer that has no end


def resumed_from(request: Request) -> int:
    """Return the number of the last event that a client has had."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else 0


def line_of(event: Event) -> bytes:
    """Return an event as it is sent. JSON has no line ends, so nothing in it can begin another one."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.number, event.kind.encode(), event.data)
