"""What programs saved and cost, how runs went, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from starlette.responses import Response

from underpass.server.api.records import SinceQuery, code_execution_metrics
from underpass.server.dashboard.page import Pages, Visit

PAGES: Final = Pages()
_PERIODS: Final = {"24": "24 hours", "168": "7 days", "720": "30 days", "": "All"}
_DAYS: Final = 366
"""Days of a chart."""
_PARTS: Final = {
    "direct": (
        ("definitions_direct", "Definitions of all tools"),
        ("calls", "Calls, as a model would write them"),
        ("results", "Results of those calls"),
    ),
    "spent": (
        ("definitions_code", "Definitions of what runs programs"),
        ("prompts", "Searches and documentation"),
        ("code", "Programs"),
        ("answers", "Answers"),
    ),
}


@PAGES.get("/dashboard")
async def overview(visit: Visit) -> Response:
    """Show the figures of a time."""
    asked = visit.call.request.query_params.get("hours", "720")
    hours = asked if asked in _PERIODS else "720"
    since = int(hours) if hours else None
    figures = await code_execution_metrics(visit.call, SinceQuery(hours=since))
    going = await visit.view.runs(500, agent=None, state="unfinished", before=None)
    return visit.show(
        "overview.html",
        "Overview",
        seconds=10,
        hours=hours,
        periods=_PERIODS,
        summary=figures["summary"],
        days=figures["by_day"],
        chart=json.dumps(_chart(figures["by_day"], since)),
        recommendations=figures["recommendations"],
        running=sum(facts.state == "running" for facts in going),
        waiting=len(await visit.questions()),
        most=visit.view.settings.service.max_runs,
        checks=await visit.call.service.health.checks(),
        parts=_PARTS,
    )


def _chart(days: Sequence[dict[str, Any]], hours: int | None) -> dict[str, list[float | None]]:
    """Return the columns of the chart: each day of the time has a place, also one without runs."""
    today = datetime.now(UTC).date()
    first = date.fromisoformat(days[0]["day"]) if days else today
    earliest = date.min if hours is None else today - timedelta(hours=hours)
    fortnight = today - timedelta(days=13)
    start = max(min(first, fortnight), earliest, today - timedelta(days=_DAYS))
    by_day = {each["day"]: each for each in days}
    found: dict[str, list[float | None]] = {name: [] for name in ("day", "direct", "spent", "p50", "p95")}
    for offset in range((today - start).days + 1):
        day = start + timedelta(days=offset)
        figures = by_day.get(day.isoformat())
        found["day"].append(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        for name in ("direct", "spent"):
            found[name].append(figures["tokens"][name] if figures else 0)
        for name in ("p50", "p95"):
            found[name].append(figures["duration_ms"][name] if figures else None)
    return found
