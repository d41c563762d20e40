"""The facade's tools, as a client sees them.

Every conversation pays for these words, so there are few of them: names, descriptions and input schemas
take 350 tokens at most, however many servers there are. Bounds of numbers and lists are left to the
answers. The words are stable: the same servers with the same known tools give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcp_types import Tool, ToolAnnotations

from underpass.server.domains import counted, named

LANGUAGES = ["python", "typescript"]

_ENVIRONMENTS_SHOWN = 10
_PACKAGES_SHOWN = 10
_TYPESCRIPT = 'import { SERVER } from "mcp-servers"; await SERVER.camelCaseTool({ name: value })'
_TEXT: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}


def definitions(
    modules: Iterable[str],
    environments: Mapping[str, Sequence[str]],
    *,
    typescript: bool = False,
    cache: bool = False,
    domains: Sequence[str] = (),
    signatures: str | None = None,
    skills: bool = False,
) -> list[Tool]:
    """Return the tools of the facade.

    Parameters:
        modules: the names of the servers' modules.
        environments: the packages of each environment; where there is none, nothing is said of them.
        typescript: whether programs may be written in TypeScript; nothing is said of it otherwise.
        cache: whether results of runs are kept for those who ask for it; nothing is said of it otherwise.
        domains: what the servers are about, in plain words.
        signatures: a line for each tool, where they are so few that nobody needs to search.
        skills: whether a search may be for skills as well; nothing is said of it otherwise.
    """
    language = {"language": _TEXT} if typescript else {}
    known = sorted(modules)
    servers = named(known)
    # A few of many names would say little in two places.
    first = counted(known) if " more" in servers else servers
    more = {**language, **({"cache": {"type": "boolean"}} if cache else {}), **_environment(environments)}
    run_code = _run_code(first, signatures, more, typescript=typescript)
    if signatures is not None:
        return [run_code, _get_tool_documentation(language)]
    return [
        run_code,
        _search_tools(
            ", ".join(domains) or servers,
            {**language, **({"skills": {"type": "boolean"}, "agent": _TEXT} if skills else {})},
        ),
        _get_tool_documentation(language),
        _list_servers(),
        _counts("categories", "category"),
        _counts("capabilities", "capability"),
    ]


def instructions(tools: Iterable[Tool]) -> str:
    """Return what a client is told of the facade as a whole."""
    if any(tool.name == "search_tools" for tool in tools):
        return "Find tools, call them in programs."
    return "Call the tools that run_code names from a program."


def _environment(environments: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    if not environments:
        return {}
    names = sorted(environments)
    shown = "; ".join(
        f"{name} has {', '.join(environments[name][:_PACKAGES_SHOWN])}"
        + (", …" if len(environments[name]) > _PACKAGES_SHOWN else "")
        for name in names[:_ENVIRONMENTS_SHOWN]
    )
    return {
        "environment": {
            "type": "string",
            "enum": names,
            "description": f"Packages to import besides the standard library: {shown}.",
        }
    }


def _run_code(servers: str, signatures: str | None, more: Mapping[str, Any], *, typescript: bool) -> Tool:
    languages = "Python or TypeScript" if typescript else "Python"
    tools = f"tools of {servers}" if signatures is None else "the tools below"
    find = " See search_tools first."
    if signatures is not None:
        # A search would have said how; its answers are in the language that is asked for.
        how = f"In TypeScript, {_TYPESCRIPT}.\n" if typescript else ""
        find = f"\n{how}Tools:\n{signatures}"
    return Tool(
        name="run_code",
        title="Run code",
        description=(
            f"Run {languages} with {tools}:\n"
            "from mcp_servers import SERVER\n"
            "await SERVER.TOOL(name=value)\n"
            f"One program per task: only its last expression costs context.{find}"
        ),
        input_schema=_object(
            {"code": _TEXT, "agent": _TEXT, "session": _TEXT, "timeout": {"type": "number"}, **more},
            required=["code"],
        ),
        output_schema=_object(
            {
                "run": _TEXT,
                "ok": {"type": "boolean"},
                "value": {},
                "stdout": _TEXT,
                "stderr": _TEXT,
                "error": {"type": "object"},
                "truncated": {"type": "boolean"},
                "handle": _TEXT,
                "tool_calls": {"type": "integer"},
                "sandbox": _TEXT,
                "checked": {"type": ["boolean", "string"]},
                "session": {"type": "object"},
                "cached": {"type": "boolean"},
            },
            required=["run", "ok", "value"],
        ),
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True),
    )


def _search_tools(domains: str, more: Mapping[str, Any]) -> Tool:
    hits = {
        "type": "array",
        "items": _object(
            {"module": _TEXT, "signature": _TEXT, "summary": _TEXT},
            required=["module", "signature", "summary"],
        ),
    }
    groups = {
        "type": "array",
        "items": _object({"query": _TEXT, "tools": hits, "also": _TEXTS}, required=["query", "tools"]),
    }
    return Tool(
        name="search_tools",
        title="Search tools",
        description=(f"Find tools for {domains}. One query per step; name a known server."),
        input_schema=_object(
            {
                "query": _TEXT,
                "queries": _TEXTS,
                "server": _TEXT,
                "category": _TEXT,
                "capabilities": _TEXTS,
                "limit": {"type": "integer"},
                "detail": _TEXT,
                **more,
            }
        ),
        output_schema=_object({"tools": hits, "groups": groups}),
        annotations=_reading(),
    )


def _get_tool_documentation(more: Mapping[str, Any]) -> Tool:
    return Tool(
        name="get_tool_documentation",
        title="Get tool documentation",
        description="Explain tools, brief or full",
        input_schema=_object({"names": _TEXTS, "detail": _TEXT, **more}, required=["names"]),
        output_schema=_object({"documentation": _TEXT}, required=["documentation"]),
        annotations=_reading(),
    )


def _list_servers() -> Tool:
    server = _object(
        {
            "name": _TEXT,
            "module": _TEXT,
            "state": _TEXT,
            "tools": {"type": ["integer", "null"]},
            "error": {"type": ["string", "null"]},
        },
        required=["name", "module", "state"],
    )
    return Tool(
        name="list_servers",
        title="List servers",
        description="States",
        input_schema={"type": "object"},
        output_schema=_object({"servers": {"type": "array", "items": server}}, required=["servers"]),
        annotations=_reading(),
    )


def _counts(many: str, one: str) -> Tool:
    counted = {"type": "object", "additionalProperties": {"type": "integer"}}
    return Tool(
        name=f"list_{many}",
        title=f"List {many}",
        description=f"Tools by {one}",
        input_schema=_object({"server": _TEXT}),
        output_schema=_object({many: counted}, required=[many]),
        annotations=_reading(),
    )


def _reading() -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )


def _object(properties: dict[str, Any], required: Sequence[str] = ()) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": list(required)} if required else schema
