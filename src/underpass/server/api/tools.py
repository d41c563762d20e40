"""Routes of servers and their tools."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field

from underpass.codegen.names import identifiers
from underpass.discovery.hit import Hit
from underpass.discovery.request import SearchRequest
from underpass.errors import ToolError, ToolNotFound, ValidationFailed
from underpass.server.api.endpoint import Body, Call, Endpoints, Query, Shown
from underpass.server.api.runs import AGENT, ErrorShown
from underpass.server.problem import Refused, missing
from underpass.skills.search.beside import beside_tools

TOOLS = Endpoints("tools")
_STDERR = 4_000
_URL = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)


class FindingShown(Shown):
    """A tool that was mended or left out."""

    tool: str
    action: str = Field(description="repaired, or quarantined.")
    reason: str


class ServerShown(Shown):
    """A server, its state, and what of it is not as it should be."""

    name: str
    module: str
    transport: str
    state: str
    tools: int | None
    error: str | None
    findings: list[FindingShown] = Field(description="Tools that were mended, or are in quarantine.")
    changed: list[str] = Field(
        description="Tools that are not what was trusted: `underpass trust` shows how."
    )


class ServerList(Shown):
    """The servers of the configuration."""

    servers: list[ServerShown]


class ToolShown(Shown):
    """A tool, as a program calls it."""

    server: str
    tool: str
    signature: str
    summary: str


class SkillShown(Shown):
    """A skill, among the tools."""

    skill: str
    import_line: str
    signature: str
    summary: str


class ToolList(Shown):
    """Tools, and skills where they were asked for."""

    tools: list[ToolShown | SkillShown]


class Documentation(Shown):
    """A tool's documentation, as Markdown."""

    server: str
    tool: str
    documentation: str


class Counts(Shown):
    """How many tools there are of each."""

    categories: dict[str, int]
    capabilities: dict[str, int]


class SearchQuery(Query):
    """What is searched for."""

    q: str = Field("", max_length=2_000, description="Words for one step of a task; empty for all.")
    server: str | None = Field(None, max_length=200)
    category: str | None = Field(None, max_length=200)
    limit: int = Field(10, ge=1, le=50)
    language: Literal["python", "typescript"] = "python"
    skills: bool = Field(
        False, description="Skills as well, in one ranking with the tools; not with a filter."
    )
    agent: str = AGENT


class DocsQuery(Query):
    """How much is wanted."""

    detail: Literal["brief", "full"] = "full"
    language: Literal["python", "typescript"] = "python"


class CallBody(Body):
    """One call."""

    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    agent: str = AGENT


class Called(Shown):
    """What a call came to. One that failed, or that the policy did not allow, is an answer."""

    ok: bool
    value: Any
    error: ErrorShown | None


@TOOLS.add("GET", "/api/servers", scope="read", answers=ServerList)
async def list_servers(call: Call) -> dict[str, Any]:
    """List the servers, with what of them is not as it should be. None is started."""
    states = [state for state in call.view.up.catalog.states() if state.state != "disabled"]
    modules = identifiers((state.name for state in states), "server")
    return {
        "servers": [
            {
                "name": state.name,
                "module": modules[state.name],
                "transport": state.transport,
                "state": state.state,
                "tools": state.tools,
                "error": None if state.error is None else _URL.sub(r"\1…@", state.error[:_STDERR]),
                "findings": [
                    {"tool": each.tool, "action": each.action, "reason": each.reason[:500]}
                    for each in state.findings
                ],
                "changed": sorted({change.tool for change in state.changes}),
            }
            for state in states
        ]
    }


@TOOLS.add("POST", "/api/servers/{server}/refresh", scope="admin", answers=ServerList, errors=(503,))
async def refresh_server(call: Call, server: str) -> dict[str, Any]:
    """Ask a server for its tools again."""
    await call.view.up.catalog.refresh(server)
    found = await list_servers(call)
    return {"servers": [each for each in found["servers"] if each["name"] == server]}


@TOOLS.add("GET", "/api/tools", scope="read", answers=ToolList, errors=(404, 503))
async def search_tools(call: Call, query: SearchQuery) -> dict[str, Any]:
    """Find the tools that fit some words, or all of a server or a category."""
    if query.skills and query.q.strip() and not (query.server or query.category):
        return {"tools": await _beside(call, query)}
    if not (query.q.strip() or query.server or query.category):
        found = await _every(call, query.limit)
    else:
        try:
            found = await call.view.up.search_tools(
                query.q, server=query.server or None, category=query.category or None, limit=query.limit
            )
        except ValidationFailed as error:
            raise Refused(404, error) from error  # no tool is of this category
    return {"tools": [_hit(hit, query.language) for hit in found]}


@TOOLS.add("GET", "/api/tools/{server}/{tool}", scope="read", answers=Documentation, errors=(503,))
async def document_tool(call: Call, server: str, tool: str, query: DocsQuery) -> dict[str, Any]:
    """Return a tool's documentation."""
    name = f"{server}.{tool}"
    try:
        found = await call.view.up.get_tool_documentation(
            [name], detail=query.detail, language=query.language
        )
    except ValidationFailed as error:
        raise missing(error.message, error.hint) from error
    return {"server": server, "tool": tool, "documentation": found[name]}


@TOOLS.add("POST", "/api/tools/{server}/{tool}/call", scope="run", answers=Called)
async def call_tool(call: Call, server: str, tool: str, body: CallBody) -> dict[str, Any]:
    """Call a tool, as a program would: through the policy and the trail."""
    try:
        value = await call.view.call_tool(server, tool, body.arguments, body.agent)
    except ToolNotFound:
        raise
    except ToolError as error:
        return {"ok": False, "value": None, "error": error.to_dict()}
    return {"ok": True, "value": value, "error": None}


@TOOLS.add("GET", "/api/categories", scope="read", answers=Counts)
async def list_categories(call: Call) -> dict[str, Any]:
    """Count the tools of each category and capability."""
    up = call.view.up
    return {"categories": await up.list_categories(), "capabilities": await up.list_capabilities()}


async def _every(call: Call, limit: int) -> list[Hit]:
    found: list[Hit] = []
    for category in await call.view.up.list_categories():
        if len(found) >= limit:
            break
        found += await call.view.up.search_tools("", category=category, limit=limit)
    return found[:limit]


async def _beside(call: Call, query: SearchQuery) -> list[dict[str, Any]]:
    request = SearchRequest(query.q, limit=query.limit, skills=True)
    up = call.view.up
    found = await beside_tools(request, up.directory, up.skills, call.view.names.inside(query.agent))
    return [
        _hit(hit, query.language)
        if isinstance(hit, Hit)
        else {**hit.to_dict(), "skill": hit.name, "import_line": hit.import_line}
        for hit in found
    ]


def _hit(hit: Hit, language: Any) -> dict[str, Any]:
    shown = hit.to_dict(language)
    return {**shown, "tool": hit.name}
