"""Whether everything works, looked at when somebody asks, and the settings in force."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from underpass.server.api.about import examine_all, show_settings
from underpass.server.dashboard.page import Pages, Shown, Visit

PAGES: Final = Pages()


@PAGES.get("/dashboard/settings")
async def settings(visit: Visit) -> Shown:
    """Show them to who may see them."""
    found = (await show_settings(visit.call))["settings"] if visit.may("admin") else None
    return visit.show("settings.html", "Settings and doctor", settings=found)


@PAGES.post("/dashboard/settings/checks", "admin")
async def check(visit: Visit) -> Response:
    """Look at everything that runs need: at this service, and as `underpass doctor` does."""
    found = (await examine_all(visit.call))["checks"]
    return visit.fragment("checks.html", checks=found)
