"""The runs, the youngest first."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from underpass.server.api.runs import RunsQuery, list_runs
from underpass.server.dashboard.page import Pages, Shown, Visit
from underpass.server.problem import missing

PAGES: Final = Pages()
_LOOK: Final = 5.0
"""Seconds: the death of another process changes no file."""
_STATES: Final = {"": "Any", "ok": "Succeeded", "failed": "Failed", "unfinished": "Not ended"}


@PAGES.get("/dashboard/runs", "runs")
async def runs(visit: Visit) -> Shown:
    """Show those that the filters leave."""
    wanted = {name: visit.asked(name) for name in ("agent", "state", "before")}
    try:
        query = RunsQuery.model_validate({name: value or None for name, value in wanted.items()})
    except ValidationError as error:
        raise missing("no run is like that", "look at the filters") from error
    found = await list_runs(visit.call, query)
    return visit.show(
        "runs.html",
        "Runs",
        again=_LOOK if any(each.state == "running" for each in found.runs) else None,
        wanted=wanted,
        states=_STATES,
        runs=[each.model_dump() for each in found.runs],
        before=found.before,
    )
