"""Routes about the service itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from underpass.server import doctor
from underpass.server.api.endpoint import Answers, Call, Endpoints, Shown
from underpass.server.http_access import session_of

ABOUT = Endpoints("service")


class Me(Shown):
    """Whose token it is."""

    token: str
    tenant: str | None
    scopes: list[str]
    csrf: str | None = Field(None, description="In a browser: what X-CSRF-Token has to be.")


class SettingsShown(Shown):
    """The settings in force, without secrets."""

    settings: dict[str, dict[str, Any]]


class CheckOfDoctor(Shown):
    """One thing that was looked at."""

    name: str
    status: Literal["failed", "warning", "ok"]
    what: str = Field(description="What was found.")
    why: str = Field(description="Why it matters.")
    hint: str = Field(description="How to mend it; empty where nothing is to be done.")


class Examined(Shown):
    """What the checks of `underpass doctor` have found."""

    ok: bool = Field(description="Whether no check failed.")
    checks: list[CheckOfDoctor]


class Ticket(Shown):
    """What lets a browser in."""

    path: str = Field(description="Of the dashboard; good once, for a minute.")


class OpenApi(Shown):
    """An OpenAPI 3.1 document."""

    openapi: str


@ABOUT.add("GET", "/api/me", scope="read", answers=Me)
async def who(call: Call) -> dict[str, Any]:
    """Say whose token it is."""
    assert call.principal is not None
    scopes = sorted(call.principal.scopes)
    found = {"token": call.principal.token, "tenant": call.principal.tenant, "scopes": scopes}
    session = session_of(call.request.scope)
    return found if session is None else {**found, "csrf": session.csrf}


@ABOUT.add("GET", "/api/settings", scope="admin", answers=SettingsShown)
async def show_settings(call: Call) -> dict[str, Any]:
    """Show the settings in force."""
    found = asdict(call.view.settings)
    if found["audit"]["key"]:
        found["audit"]["key"] = "…"
    if isinstance(found["privacy"]["names"], tuple):
        found["privacy"]["names"] = len(found["privacy"]["names"])
    return {"settings": found}


@ABOUT.add("POST", "/api/doctor", scope="admin", answers=Examined, errors=(409,))
async def examine_all(call: Call) -> dict[str, Any]:
    """Look at everything that runs need, as `underpass doctor` does; every server is started once."""
    found = await doctor.examine(call.service.health, call.view.up.catalog.lock)
    return {"ok": all(check["status"] != "failed" for check in found), "checks": found}


@ABOUT.add(
    "POST", "/api/dashboard/ticket", scope="read", answers={201: Answers(Ticket, description="It is made")}
)
async def make_ticket(call: Call) -> dict[str, Any]:
    """Make a ticket with which a browser enters the dashboard, with the rights of this token."""
    assert call.principal is not None
    return {"path": f"/dashboard/enter?ticket={call.service.browsers.ticket(call.principal)}"}


@ABOUT.add("GET", "/api/openapi.json", scope="read", answers=OpenApi)
async def describe(call: Call) -> dict[str, Any]:
    """Describe the API."""
    return call.service.description
