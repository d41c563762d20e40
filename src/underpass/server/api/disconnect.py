"""Waits for a run for as long as its client does."""

from __future__ import annotations

import anyio
from starlette.requests import Request

from underpass.server.tenancy.desk import DeskRun


async def result_of(run: DeskRun, request: Request) -> bytes:
    """Return what a run comes to, as JSON; cancel it when the client hangs up. Raises ``UnderpassError``.

    Parameters:
        request: of which the body has been read.
    """

    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        run.scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await run.done.wait()
        tasks.cancel_scope.cancel()
    return await run.wait()
