"""Who acts for a client of MCP: the agents of the tenant whose token its request carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server import ServerRequestContext
from starlette.requests import Request

from underpass.server.door import Call
from underpass.server.facade import Acting, Backend
from underpass.server.http_access import principal_of
from underpass.server.skill_tools import Keeping
from underpass.server.tenancy.agents import TenantAgents
from underpass.server.tenancy.names import TenantNames
from underpass.server.tenancy.principal import Principal
from underpass.server.tenancy.view import TenantView


def acting_for(views: Callable[[str | None], TenantView]) -> Acting:
    """Return what finds the agents that act for a client.

    Parameters:
        views: what each tenant sees.
    """

    def acting(context: ServerRequestContext[Any]) -> tuple[Backend, Call]:
        agents = TenantAgents(views(_principal(context).tenant))
        return agents, agents.call

    return acting


def skills_for(views: Callable[[str | None], TenantView]) -> Keeping:
    """Return what finds the agents that save and find skills for a client.

    Parameters:
        views: what each tenant sees.
    """
    return lambda context: TenantAgents(views(_principal(context).tenant))


def names_for(context: ServerRequestContext[Any]) -> TenantNames:
    """Return what the agents of a client are called."""
    return TenantNames(_principal(context).tenant)


def _principal(context: ServerRequestContext[Any]) -> Principal:
    request = context.request
    found = principal_of(request.scope) if isinstance(request, Request) else None
    assert found is not None, "every request over HTTP has passed the guard"
    return found
