"""The servers, what of them is not as it should be, and their tools."""

from __future__ import annotations

import time
from typing import Any, Final

import anyio
from starlette.responses import Response

from underpass.broker.approvals import Answer, Question
from underpass.catalog.definition import ToolDefinition
from underpass.errors import UnderpassError
from underpass.server.api.disconnect import attended
from underpass.server.api.tools import (
    DocsQuery,
    SearchQuery,
    document_tool,
    list_servers,
    refresh_server,
    search_tools,
)
from underpass.server.dashboard.page import Pages, Shown, Visit, done
from underpass.server.dashboard.trying import call_form, typed_arguments, what_is_wrong
from underpass.server.problem import missing

PAGES: Final = Pages()
_FOUND: Final = 50


@PAGES.get("/dashboard/servers", "servers", "figures", every=2.0)
async def servers(visit: Visit) -> Shown:
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
        servers=listed,
        words=words,
        tools=tools,
        figures=figures,
    )


@PAGES.get("/dashboard/servers/{server}", "servers")
async def server(visit: Visit, server: str) -> Shown:
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


@PAGES.get("/dashboard/servers/{server}/{tool}", "questions")
async def tool(visit: Visit, server: str, tool: str) -> Shown:
    """Show a tool's documentation, a form to call it, and the questions about it that wait."""
    found = await document_tool(visit.call, server, tool, DocsQuery.model_validate({}))
    questions = [each for each in await visit.questions() if (each["server"], each["tool"]) == (server, tool)]
    return visit.show(
        "tool.html",
        f"{server}.{tool}",
        server=server,
        tool=tool,
        documentation=found["documentation"],
        form=call_form(await _definition(visit, server, tool)),
        questions=[each for each in questions if not each["run"]],
    )


@PAGES.post("/dashboard/servers/{server}/{tool}/call", "run")
async def call(visit: Visit, server: str, tool: str) -> Response:
    """Call it, through the policy and the trail; a question about it waits for whoever may answer."""
    typed = await visit.form()
    definition = await _definition(visit, server, tool)
    begun = time.monotonic()
    try:
        arguments = typed_arguments(call_form(definition), typed)
        agent = typed.get("agent", "").strip() or "default"
        value = await attended(
            visit.call.request,
            lambda: visit.view.call_tool(server, tool, arguments, agent, ask=_elsewhere),
        )
    except UnderpassError as error:
        return visit.fragment("called.html", error=error, wrong=what_is_wrong(error))
    took = (time.monotonic() - begun) * 1_000
    return visit.fragment("called.html", error=None, value=value, took=took)


async def _definition(visit: Visit, server: str, tool: str) -> ToolDefinition:
    listing = await visit.view.up.catalog.listing(server)
    found = next((each for each in listing.tools if each.name == tool), None)
    if found is None:
        raise missing(f"{server} has no tool {tool:.60}", "look at the list of its tools")
    return found


async def _elsewhere(_question: Question) -> Answer | None:
    """Leave a question to the pages that show it."""
    await anyio.sleep_forever()
    return None
