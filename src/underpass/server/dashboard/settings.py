"""Whether everything works, looked at when somebody asks, and the settings in force."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from underpass.server.api.about import show_settings
from underpass.server.dashboard import doctor
from underpass.server.dashboard.page import Pages, Shown, Visit

PAGES: Final = Pages()
_HEALTH: Final = {
    "vm_pool_available": (
        "this service: sandboxes",
        "Programs run in them.",
        "see the checks of the sandbox below",
    ),
    "mcp_server_reachable": (
        "this service: servers",
        "Programs call their tools.",
        "look at Tools and servers",
    ),
    "skill_library_accessible": (
        "this service: skills",
        "Programs import them.",
        "look at who may read skills/",
    ),
    "cache_operational": (
        "this service: cache",
        "Equal calls are answered from it.",
        "look at who may write there",
    ),
}
_ORDER: Final = ("failed", "warning", "ok")


@PAGES.get("/dashboard/settings")
async def settings(visit: Visit) -> Shown:
    """Show them to who may see them."""
    found = (await show_settings(visit.call))["settings"] if visit.may("admin") else None
    return visit.show("settings.html", "Settings and doctor", settings=found)


@PAGES.post("/dashboard/settings/checks", "admin")
async def check(visit: Visit) -> Response:
    """Look at everything that runs need: at this service, and as `underpass doctor` does."""
    health = await visit.call.service.health.checks()
    found: list[dict[str, Any]] = []
    for name, (title, why, hint) in _HEALTH.items():
        each = health[name]
        what = each.detail if each.error is None else f"{each.detail}: {each.error}"
        found.append(
            {"name": title, "status": "ok" if each.ok else "failed", "what": what, "why": why, "hint": hint}
        )
    found += await doctor.checks(visit.view.up.catalog.lock)
    found.sort(key=lambda check: _ORDER.index(check["status"]))
    return visit.fragment("checks.html", checks=found)
