"""All routes of the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.routing import BaseRoute

from underpass.server.dashboard import (
    approvals,
    audit,
    overview,
    run,
    runs,
    servers,
    settings,
    skills,
    static_files,
    workspaces,
)
from underpass.server.tenancy.view import TenantView

_MODULES = (overview, runs, run, approvals, servers, skills, workspaces, audit, settings)


def dashboard_routes(views: Callable[[str | None], TenantView], service: Any) -> list[BaseRoute]:
    """Return the pages, the actions on them, and the files that they load.

    Parameters:
        views: what each tenant sees.
        service: the service's own parts.
    """
    pages = [route for module in _MODULES for route in module.PAGES.routes(views, service)]
    return [static_files.ROUTE, *pages]
