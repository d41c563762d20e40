"""Notices that a client has gone while something is done for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from starlette.requests import Request


@asynccontextmanager
async def until_gone(request: Request, work: anyio.CancelScope) -> AsyncGenerator[None]:
    """Cancel ``work`` when the client hangs up before the context is left.

    Parameters:
        request: of which the body has been read.
    """

    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        work.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        yield
        tasks.cancel_scope.cancel()
