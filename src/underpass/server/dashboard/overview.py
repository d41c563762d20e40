"""What programs saved and cost, how runs went, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from underpass.sandbox.pool import Pool
from underpass.server.api.records import SinceQuery, code_execution_metrics
from underpass.server.dashboard.page import Pages, Shown, Visit

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


@PAGES.get("/dashboard", "runs", "figures", "servers", every=2.0)
async def overview(visit: Visit) -> Shown:
    """Show the figures of a time."""
    asked = visit.call.request.query_params.get("hours", "720")
    hours = asked if asked in _PERIODS else "720"
    since = int(hours) if hours else None
    figures = await code_execution_metrics(visit.call, SinceQuery(hours=since))
    going = await visit.view.runs(500, agent=None, state="unfinished", before=None)
    return visit.show(
        "overview.html",
        "Overview",
        hours=hours,
        periods=_PERIODS,
        summary=figures["summary"],
        days=figures["by_day"],
        chart=json.dumps(_chart(figures["by_day"], since)),
        recommendations=figures["recommendations"],
        running=sum(facts.state == "running" for facts in going),
        most=visit.view.settings.service.max_runs,
        house=house(visit),
        parts=_PARTS,
    )


def house(visit: Visit) -> list[dict[str, Any]]:
    """Return what is known of the service's parts without using any of them."""
    found: list[dict[str, Any]] = []
    place = visit.view.up.sandbox
    if isinstance(place, Pool):
        state = place.state
        detail = f"{state.idle:,} ready, {state.busy:,} of at most {state.most:,} at work"
        if state.waiting:
            detail += f", {state.waiting:,} {'run waits' if state.waiting == 1 else 'runs wait'}"
        elif not (state.idle or state.busy):
            detail = "none yet: the first program has them started"
        found.append({"name": "Sandboxes", "state": "busy" if state.waiting else "good", "detail": detail})
    states = [each for each in visit.view.up.catalog.states() if each.state != "disabled"]
    failed = [each.name for each in states if each.state == "failed"]
    detail = f"{len(states)} {'server' if len(states) == 1 else 'servers'}"
    if failed:
        detail += f"; when they were needed last, these failed: {', '.join(failed)}"
    elif states:
        detail += ", none of which failed when it was needed last"
    found.append({"name": "Servers", "state": "bad" if failed else "good", "detail": detail})
    changed = sum(change.kind == "changed" for each in states for change in each.changes)
    if changed:
        detail = f"{changed} {'is' if changed == 1 else 'are'} refused, because changed since trusted"
        found.append({"name": "Tools", "state": "wait", "detail": detail})
    return found


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
