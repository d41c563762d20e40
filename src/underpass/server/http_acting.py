"""Who acts for a client of MCP: the agents of the tenant whose token its request carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from mcp.server import ServerRequestContext
from starlette.requests import Request

from underpass.catalog.catalog import Catalog
from underpass.execution.result import RunResult
from underpass.server.door import Call
from underpass.server.facade import Acting, Backend
from underpass.server.http_access import principal_of
from underpass.server.tenancy.names import TenantNames
from underpass.server.tenancy.principal import Principal
from underpass.server.tenancy.view import TenantView

_AGENT = "default"


class _Agents:
    """A tenant's agents, as the facade takes them."""

    def __init__(self, view: TenantView) -> None:
        self._view = view

    @property
    def catalog(self) -> Catalog:
        return self._view.up.catalog

    async def run(self, code: str, **options: Any) -> RunResult:
        return await self._view.run_program(code, **options)

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Any:
        return await self._view.call_tool(server, tool, arguments, _AGENT)


def acting_for(views: Callable[[str | None], TenantView]) -> Acting:
    """Return what finds the agents that act for a client.

    Parameters:
        views: what each tenant sees.
    """

    def acting(context: ServerRequestContext[Any]) -> tuple[Backend, Call]:
        agents = _Agents(views(_principal(context).tenant))
        return cast("Backend", agents), agents.call

    return acting


def names_for(context: ServerRequestContext[Any]) -> TenantNames:
    """Return what the agents of a client are called."""
    return TenantNames(_principal(context).tenant)


def _principal(context: ServerRequestContext[Any]) -> Principal:
    request = context.request
    found = principal_of(request.scope) if isinstance(request, Request) else None
    assert found is not None, "every request over HTTP has passed the guard"
    return found
