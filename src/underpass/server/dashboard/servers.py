"""The servers, what of them is not as it should be, and their tools."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from underpass.errors import UnderpassError
from underpass.server.api.tools import (
    DocsQuery,
    SearchQuery,
    document_tool,
    list_servers,
    refresh_server,
    search_tools,
)
from underpass.server.dashboard.page import Pages, Visit, done
from underpass.server.problem import missing

PAGES: Final = Pages()
_FOUND: Final = 50


@PAGES.get("/dashboard/servers")
async def servers(visit: Visit) -> Response:
    """Show all servers, and the tools that fit some words."""
    words = visit.asked("q")[:2_000]
    listed = (await list_servers(visit.call))["servers"]
    tools: list[dict[str, Any]] = []
    if words:
        tools = (await search_tools(visit.call, SearchQuery.model_validate({"q": words, "limit": 20})))[
            "tools"
        ]
    figures = {each["server"]: each for each in await visit.view.statistics("by_server", None)}
    return visit.show(
        "servers.html",
        "Tools and servers",
        seconds=None if words else 5,
        servers=listed,
        words=words,
        tools=tools,
        figures=figures,
    )


@PAGES.get("/dashboard/servers/{server}")
async def server(visit: Visit, server: str) -> Response:
    """Show one, with its tools. That asks it for them where it was not asked before."""
    listed = (await list_servers(visit.call))["servers"]
    if all(each["name"] != server for each in listed):
        raise missing(f"there is no server {server:.60}", "look at the list of servers")
    failure = None
    tools: list[dict[str, Any]] = []
    try:
        tools = (
            await search_tools(visit.call, SearchQuery.model_validate({"server": server, "limit": _FOUND}))
        )["tools"]
    except UnderpassError as error:
        failure = error
    found = next(each for each in (await list_servers(visit.call))["servers"] if each["name"] == server)
    return visit.show(
        "server.html", f"Server {server}", server=found, tools=tools, most=_FOUND, failure=failure
    )


@PAGES.post("/dashboard/servers/{server}/refresh", "admin")
async def refresh(visit: Visit, server: str) -> Response:
    """Ask it for its tools again."""
    await refresh_server(visit.call, server)
    return done(f"{server} was asked for its tools")


@PAGES.get("/dashboard/servers/{server}/{tool}")
async def tool(visit: Visit, server: str, tool: str) -> Response:
    """Show a tool's documentation."""
    found = await document_tool(visit.call, server, tool, DocsQuery.model_validate({}))
    return visit.show("tool.html", f"{server}.{tool}", server=server, documentation=found["documentation"])
