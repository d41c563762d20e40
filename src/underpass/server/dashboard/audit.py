"""The rows of the trail."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from underpass.server.api.records import AuditQuery, list_audit
from underpass.server.dashboard.page import Pages, Shown, Visit
from underpass.server.problem import missing

PAGES: Final = Pages()
_FILTERS: Final = ("run", "agent", "server", "tool", "decision")
_DECISIONS: Final = ("allow", "ask", "deny", "allowed", "refused", "unanswered")
_SHOWN: Final = 200


@PAGES.get("/dashboard/audit", "trail")
async def audit(visit: Visit) -> Shown:
    """Show the youngest that the filters leave, the youngest first."""
    wanted = {name: visit.asked(name) for name in _FILTERS}
    try:
        query = AuditQuery.model_validate(
            {**{name: value or None for name, value in wanted.items()}, "limit": _SHOWN}
        )
    except ValidationError as error:
        raise missing("no row is like that", "look at the filters") from error
    rows = (await list_audit(visit.call, query))["rows"]
    return visit.show(
        "audit.html",
        "Audit",
        wanted=wanted,
        decisions=_DECISIONS,
        rows=rows[::-1],
        most=_SHOWN,
        is_filtered=any(wanted.values()),
    )
