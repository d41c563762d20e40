"""Routes of runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import anyio.to_thread
from pydantic import Field
from starlette.responses import Response

from underpass.broker.journal.store import RunState
from underpass.errors import ValidationFailed
from underpass.server.api.disconnect import result_of
from underpass.server.api.endpoint import JSON, WHOLE, Answers, Body, Call, Endpoints, Query, Shown
from underpass.server.api.event_stream import EVENT_STREAM, EventStream, resumed_from
from underpass.server.problem import Refused
from underpass.server.tenancy.desk import DeskRun
from underpass.server.tenancy.history import RunFacts
from underpass.server.tenancy.view import RunRequest

RUNS = Endpoints("runs")
AGENT = Field(
    "default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Whose files the program sees."
)


class RunBody(Body):
    """A program to run."""

    code: str = Field(
        max_length=4_000_000, description="Its last expression, or what it returns, is the value."
    )
    agent: str = AGENT
    language: Literal["python", "typescript"] = "python"
    timeout_seconds: float | None = Field(None, gt=0, le=3_600)
    max_tokens: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = Field(
        None, description="The bound of all that returns."
    )
    environment: str | None = Field(
        None, max_length=100, description="Packages, by the name in underpass.toml."
    )
    session: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9._-]+$",
        description="Whose variables it shares.",
    )
    check: bool | None = Field(None, description="Whether types are checked before anything runs.")
    rollback_on_error: bool = False
    cache: bool | None = Field(None, description="Whether the result of an equal run will do.")
    wait: bool = Field(
        True, description="Whether the answer is the result; else it is where the run can be seen."
    )
    ask: bool | None = Field(
        None,
        description="Whether questions about its calls wait for an answer at /api/approvals; by default "
        "where `wait` is false.",
    )


class ResumeBody(Body):
    """How a run is to go on."""

    call_again: list[Annotated[int, WHOLE]] = Field(
        [], max_length=1_000, description="Unknown calls that have not happened."
    )
    assume_done: dict[Annotated[str, Field(pattern="^[1-9][0-9]{0,6}$")], Any] = Field(
        {},
        json_schema_extra={"additionalProperties": False},
        description="Values of unknown calls that have happened, by number.",
    )
    wait: bool = True
    ask: bool | None = None


class ErrorShown(Shown):
    """Why a run has no value."""

    type: str
    message: str
    hint: str


class ToolCallShown(Shown):
    """One call of a tool."""

    server: str
    tool: str
    duration_ms: float
    ok: bool


class RunResultShown(Shown):
    """What a run came to. A failing program is a result."""

    run: str
    ok: bool
    value: Any
    stdout: str
    stderr: str
    error: ErrorShown | None
    tool_calls: list[ToolCallShown]
    duration_ms: dict[str, float]
    sandbox: str
    language: str
    tokens: dict[str, Any]


class RunStarted(Shown):
    """A run that goes on."""

    run: str
    state: Literal["running"]
    events: str
    """Where its events are."""


class RunSummary(Shown):
    """One run as lists show it."""

    run: str
    begun: str
    agent: str
    language: str
    environment: str | None
    session: str | None
    attempts: int
    calls: int
    code_digest: str
    state: str = Field(description="running, died, undecided, ok, cached, or the type of its error.")


class RunList(Shown):
    """Some runs, the youngest first."""

    runs: list[RunSummary]
    before: str | None = Field(description="For the next page; null where there is none.")


class RunDetail(RunSummary):
    """All that is known of a run."""

    code: str
    journal: list[dict[str, Any]] = Field(description="Its calls.")
    undecided: list[int]
    result: dict[str, Any] | None = Field(description="Where it is still known.")
    changed: dict[str, Any] | None = Field(
        description="The files that it created, changed and removed, where that is recorded."
    )


class RunsQuery(Query):
    """Which runs."""

    agent: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    state: RunState | None = None
    before: str | None = Field(None, pattern="^[0-9a-z]{1,32}$", description="A run; only those before it.")
    limit: int = Field(50, ge=1, le=500)


STARTED = Answers(RunStarted, description="It goes on", headers={"Location": "Where the run can be seen."})
RESULT = Answers(RunResultShown, description="It has ended")


@RUNS.add("POST", "/api/runs", scope="run", answers={200: RESULT, 202: STARTED}, errors=(409, 503))
async def start_run(call: Call, body: RunBody) -> Response:
    """Run a program."""
    chosen = {
        "timeout": body.timeout_seconds,
        "max_tokens": body.max_tokens,
        "language": body.language,
        "environment": body.environment,
        "session": body.session,
        "check": body.check,
        "rollback_on_error": body.rollback_on_error,
        "cache": body.cache,
    }
    is_attended = not body.wait if body.ask is None else body.ask
    if body.session is not None and body.rollback_on_error:
        raise Refused(
            409, ValidationFailed("a run in a session cannot be undone", hint="leave one of the two out")
        )
    run = call.view.start(RunRequest(body.code, body.agent, chosen, is_attended))
    return await _answer(call, run, wait=body.wait)


@RUNS.add(
    "POST", "/api/runs/{run}/resume", scope="run", answers={200: RESULT, 202: STARTED}, errors=(409, 503)
)
async def resume_run(call: Call, run: str, body: ResumeBody) -> Response:
    """Continue a run that died, without repeating its calls."""
    await call.view.run(run)
    try:
        begun = await call.view.resume(
            run,
            call_again=body.call_again,
            assume_done={int(number): value for number, value in body.assume_done.items()},
            is_attended=not body.wait if body.ask is None else body.ask,
        )
    except ValidationFailed as error:
        raise Refused(409, error) from error
    return await _answer(call, begun, wait=body.wait)


async def _answer(call: Call, run: DeskRun, *, wait: bool) -> Response:
    call.request.scope["underpass.run"] = run.run
    if not wait:
        place = f"/api/runs/{run.run}"
        content = RunStarted(run=run.run, state="running", events=f"{place}/events").model_dump_json()
        return Response(content, 202, {"Location": place}, JSON)
    return Response(await result_of(run, call.request), 200, media_type=JSON)


@RUNS.add("GET", "/api/runs", scope="read", answers=RunList)
async def list_runs(call: Call, query: RunsQuery) -> RunList:
    """List runs, the youngest first."""
    found = await call.view.runs(query.limit, agent=query.agent, state=query.state, before=query.before)
    more = found[-1].record.run if len(found) >= query.limit else None
    return RunList(runs=[RunSummary(**_facts(call, each)) for each in found], before=more)


@RUNS.add("GET", "/api/runs/{run}", scope="read", answers=RunDetail)
async def show_run(call: Call, run: str) -> dict[str, Any]:
    """Show one run: its code, its calls, and what it came to."""
    active = call.view.active(run)
    facts = await call.view.run(run)
    calls = await anyio.to_thread.run_sync(call.view.history.calls, run)
    kept = await anyio.to_thread.run_sync(call.view.history.result, run)
    changed = await anyio.to_thread.run_sync(call.view.up.changes.find, run)
    return {
        **_facts(call, facts),
        "code": facts.record.code,
        "journal": [each.to_dict() for each in calls],
        "undecided": list(facts.undecided),
        "result": active.shown() if active is not None and active.done.is_set() else kept,
        "changed": None if changed is None else changed.to_dict(),
    }


@RUNS.add(
    "GET",
    "/api/runs/{run}/events",
    scope="read",
    answers={200: Answers(media_type=EVENT_STREAM)},
    errors=(404,),
)
async def follow_run(call: Call, run: str) -> Response:
    """Follow a run: what happens is sent as server-sent events until it has ended."""
    return EventStream(await call.view.events(run, resumed_from(call.request)))


@RUNS.add(
    "DELETE", "/api/runs/{run}", scope="run", answers={204: Answers(description="It ends")}, errors=(409,)
)
async def cancel_run(call: Call, run: str) -> None:
    """Cancel a run."""
    if not await call.view.cancel(run):
        raise Refused(
            409,
            ValidationFailed(f"run {run} does not go on", hint="nor in another process that could be told"),
        )


def _facts(call: Call, facts: RunFacts) -> dict[str, Any]:
    record = facts.record
    shown = record.to_dict()
    del shown["cause"]
    return shown | {
        "agent": call.view.names.outside(record.agent),
        "session": record.session,
        "state": facts.state,
    }
