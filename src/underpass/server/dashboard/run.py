"""One run: its program, its calls, what it came to, and what can be done about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import anyio.to_thread
from starlette.responses import Response

from underpass.broker.journal import RESUMABLE
from underpass.errors import ValidationFailed
from underpass.server.api.runs import cancel_run, show_run
from underpass.server.dashboard.page import Pages, Shown, Visit, done
from underpass.server.dashboard.timeline import timeline
from underpass.server.problem import Refused

PAGES: Final = Pages()
_ROWS: Final = 1_000
"""Rows of the trail that a page looks at."""
_LOOK: Final = 5.0
"""Seconds: the death of another process changes no file."""
_LIKE: Final = 500
"""Runs of one program among which a run's figures are looked for."""


@PAGES.get("/dashboard/runs/{run}", "runs", "trail", "figures", "changes")
async def show(visit: Visit, run: str) -> Shown:
    """Show all that is known of it."""
    found = await show_run(visit.call, run)
    anything = dict.fromkeys(("agent", "server", "tool", "decision"))
    rows = await visit.view.audit({"run": run, **anything}, None, _ROWS)
    questions = [each for each in await visit.questions() if each["run"] == run]
    goes_on = found["state"] == "running"
    return visit.show(
        "run.html",
        f"Run {run}",
        again=_LOOK if goes_on else None,
        run=found,
        figures=await _figures(visit, found),
        bars=timeline(rows),
        decisions=[row for row in rows if row.get("kind") == "decision"],
        questions=questions,
        can_cancel=goes_on and visit.view.active(run) is not None,
        can_resume=_is_resumable(found),
        arguments={call["sequence"]: call for call in found["journal"]},
        awaited=visit.view.up.changes.awaits(run),
    )


@PAGES.post("/dashboard/runs/{run}/cancel", "run")
async def cancel(visit: Visit, run: str) -> Response:
    """End it."""
    await cancel_run(visit.call, run)
    return done("The run ends")


@PAGES.post("/dashboard/runs/{run}/resume", "run")
async def resume(visit: Visit, run: str) -> Response:
    """Continue it, with what a person knows of calls of which nobody else does."""
    fields = await visit.form()
    facts = await visit.view.run(run)
    call_again, assume_done = _decided(fields, facts.undecided)
    try:
        await visit.view.resume(run, call_again=call_again, assume_done=assume_done, is_attended=True)
    except ValidationFailed as error:
        raise Refused(409, error) from error
    return done("The run goes on")


def _decided(fields: dict[str, str], undecided: Sequence[int]) -> tuple[list[int], dict[int, Any]]:
    again: list[int] = []
    known: dict[int, Any] = {}
    for number in undecided:
        match fields.get(f"call-{number}"):
            case "again":
                again.append(number)
            case "done":
                try:
                    known[number] = json.loads(fields.get(f"value-{number}", "").strip() or "null")
                except ValueError as error:
                    raise Refused(
                        422,
                        ValidationFailed(f"the value of call {number} is no JSON", hint="text needs quotes"),
                    ) from error
            case _:
                raise Refused(422, ValidationFailed(f"say whether call {number} has happened"))
    return again, known


def _is_resumable(run: dict[str, Any]) -> bool:
    state = run["state"]
    return (
        run["session"] is None and run["calls"] > 0 and (state in {"died", "undecided"} or state in RESUMABLE)
    )


async def _figures(visit: Visit, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the run cost; None where the store has nothing of it."""
    names = visit.view.names

    def read() -> dict[str, Any] | None:
        page = visit.view.up.statistics.runs(None, names.prefix or None, code=run["code_digest"], limit=_LIKE)
        return next((each.to_dict() for each in page.runs if each.run == run["run"]), None)

    return await anyio.to_thread.run_sync(read)
