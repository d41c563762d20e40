"""What the HTTP service consists of besides MCP: the API, health, and the dashboard."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from underpass import Underpass
from underpass.metrics.totals import Totals
from underpass.server.api.about import ABOUT
from underpass.server.api.application import Api
from underpass.server.api.endpoint import Endpoint
from underpass.server.api.health import HEALTH
from underpass.server.api.llm import LLM
from underpass.server.api.openapi import document
from underpass.server.api.records import RECORDS
from underpass.server.api.runs import RUNS
from underpass.server.api.skills import SKILLS
from underpass.server.api.tools import TOOLS
from underpass.server.api.workspaces import WORKSPACES
from underpass.server.dashboard.routes import dashboard_routes
from underpass.server.health import Health
from underpass.server.http_sessions import BrowserSessions
from underpass.server.problem import problem
from underpass.server.tenancy.desk import RunDesk
from underpass.server.tenancy.notes import Notes
from underpass.server.tenancy.tokens import TokenStore
from underpass.server.tenancy.view import TenantView

ENDPOINTS: Final[tuple[Endpoint, ...]] = tuple(
    endpoint
    for group in (RUNS, TOOLS, SKILLS, WORKSPACES, RECORDS, LLM, ABOUT, HEALTH)
    for endpoint in group.all
)
ENTRANCE: Final = "/dashboard/enter"
LEAVE: Final = "/dashboard/leave"
HOME: Final = "/dashboard"
_HEALTH: Final = frozenset({"/health/live", "/health/ready", "/health/code-execution"})


class ApiService:
    """The parts of one service.

    Parameters:
        up: what it serves; open for as long as the service is.
    """

    def __init__(self, up: Underpass) -> None:
        settings = up.settings.service
        self.up = up
        notes = Notes(up.state, up.journal.presence)
        self.desk = RunDesk(notes, most=settings.max_runs, grace=settings.grace_seconds)
        self.totals = Totals(up.state / "metrics", up.instruments)
        self.tokens = TokenStore(up.state)
        self.browsers = BrowserSessions()
        self.health = Health(up, lambda: self.desk.is_closing)
        self.description = document(ENDPOINTS)
        """The OpenAPI document."""
        self._views: dict[str | None, TenantView] = {}
        known = {"health": _HEALTH, "metrics": frozenset({"/metrics"})}
        self._open = frozenset({ENTRANCE}).union(*(known.get(name, frozenset()) for name in settings.open))

    def is_open(self, path: str) -> bool:
        """Whether a request at a path may come from anybody: the pages themselves tell who has to sign in."""
        return path in self._open or (path != LEAVE and (path == HOME or path.startswith(f"{HOME}/")))

    def view(self, tenant: str | None) -> TenantView:
        """Return what a tenant sees; None is the operator."""
        found = self._views.get(tenant)
        if found is None:
            found = self._views[tenant] = TenantView(self.up, self.desk, tenant)
        return found

    def routes(self) -> list[BaseRoute]:
        """Return all routes."""
        api = Api(ENDPOINTS, self.view, self)
        doors = [
            Route(ENTRANCE, self._enter, methods=["GET"]),
            Route(LEAVE, self._leave, methods=["POST"]),
        ]
        return [*api.routes(), *doors, *dashboard_routes(self.view, self)]

    async def _enter(self, request: Request) -> Response:
        """Exchange a ticket for a cookie. The address has no ticket any more then, in no history."""
        answer = RedirectResponse(HOME, 303, {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})
        if self.browsers.enter(request.query_params.get("ticket", ""), answer) is None:
            return problem(
                403,
                "the ticket was used, or is over a minute old",
                hint="`underpass dashboard` makes another",
            )
        return answer

    async def _leave(self, request: Request) -> Response:
        """End the browser's session."""
        answer = Response(status_code=204)
        self.browsers.leave(request.headers.get("cookie", ""), answer)
        return answer
