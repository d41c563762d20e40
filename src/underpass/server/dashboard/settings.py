"""Whether everything works, and the settings in force."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from underpass.server.api.about import show_settings
from underpass.server.dashboard.page import Pages, Visit

PAGES: Final = Pages()


@PAGES.get("/dashboard/settings")
async def settings(visit: Visit) -> Response:
    """Show them to who may see them."""
    found = (await show_settings(visit.call))["settings"] if visit.may("admin") else None
    checks = await visit.call.service.health.checks()
    return visit.show("settings.html", "Settings and health", seconds=10, settings=found, checks=checks)
