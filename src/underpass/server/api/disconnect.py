"""Waits for a run for as long as its client does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from starlette.requests import Request

from underpass.errors import Cancelled, UnderpassError
from underpass.server.tenancy.desk import DeskRun

T = TypeVar("T")


async def result_of(run: DeskRun, request: Request) -> bytes:
    """Return what a run comes to, as JSON; cancel it when the client hangs up. Raises ``UnderpassError``.

    Parameters:
        request: of which the body has been read.
    """

    # A task that listens beside one that waits would be made for each request.
    with anyio.CancelScope() as listening, run.ending(listening):
        while (await request.receive())["type"] != "http.disconnect":
            pass
        run.scope.cancel()
    return await run.wait()


async def attended(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """Return what some work comes to; cancel it when the client hangs up. Raises as the work does.

    Parameters:
        request: of which the body has been read.
    """
    outcome: list[T] = []
    failure: list[UnderpassError] = []

    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        try:
            outcome.append(await work())
        except UnderpassError as error:
            failure.append(error)  # as it is, not inside a group
        tasks.cancel_scope.cancel()
    if failure:
        raise failure[0]
    if not outcome:
        raise Cancelled("the client has gone")
    return outcome[0]
