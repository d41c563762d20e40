"""Routes that say whether the service works, and its metrics."""

from __future__ import annotations

from typing import Literal

import anyio.to_thread
from pydantic import Field
from starlette.responses import Response

from underpass.server.api.endpoint import Answers, Call, Endpoints, Shown

HEALTH = Endpoints("health")


class Alive(Shown):
    """That there is an answer."""

    status: Literal["ok", "unavailable"]


class CheckShown(Shown):
    """One thing that runs need."""

    ok: bool
    detail: str
    last_error: str | None = Field(description="The error's type; its text where there is a token.")


class Health(Shown):
    """Whether programs can be run."""

    status: Literal["ok", "unavailable"]
    vm_pool_available: bool
    mcp_server_reachable: bool
    skill_library_accessible: bool
    cache_operational: bool
    checks: dict[str, CheckShown]


@HEALTH.add("GET", "/health/live", scope=None, answers=Alive)
async def live(call: Call) -> Alive:  # noqa: ARG001 - as all routes
    """Say that the process answers."""
    return Alive(status="ok")


@HEALTH.add(
    "GET",
    "/health/ready",
    scope=None,
    answers={200: Answers(Alive), 503: Answers(Alive, description="It takes no runs now")},
)
async def ready(call: Call) -> Response:
    """Say whether runs are taken now."""
    is_ready = await call.service.health.is_ready()
    return _answer(Alive(status="ok" if is_ready else "unavailable"), ok=is_ready)


@HEALTH.add(
    "GET",
    "/health/code-execution",
    scope=None,
    answers={
        200: Answers(Health),
        503: Answers(Health, description="Something that is needed does not work"),
    },
)
async def code_execution(call: Call) -> Response:
    """Say whether each part works that runs need."""
    found = await call.service.health.checks()
    checks = {
        name: CheckShown(
            ok=check.ok,
            detail=check.detail,
            last_error=check.error if call.principal is not None else check.kind,
        )
        for name, check in found.items()
    }
    ok = all(check.ok for check in checks.values())
    parts = {name: check.ok for name, check in checks.items()}
    return _answer(Health(status="ok" if ok else "unavailable", checks=checks, **parts), ok=ok)


@HEALTH.add("GET", "/metrics", scope=None, answers={200: Answers(media_type="text/plain")}, errors=(409,))
async def metrics(call: Call) -> Response:
    """Give all metrics as Prometheus reads them."""
    content, kind = await anyio.to_thread.run_sync(call.service.totals.exposition)
    return Response(content, media_type=kind)


def _answer(content: Shown, *, ok: bool) -> Response:
    return Response(content.model_dump_json(), 200 if ok else 503, media_type="application/json")
