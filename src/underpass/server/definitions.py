"""The facade's four tools, as a client sees them.

Every conversation pays for these words, so there are few of them. They are stable: the same
servers give the same bytes, whatever state the servers are in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcp_types import Tool, ToolAnnotations

MAX_TIMEOUT = 600.0
MAX_HITS = 50
MAX_NAMES = 20
LANGUAGES = ["python", "typescript"]

_MODULES_SHOWN = 30
_ENVIRONMENTS_SHOWN = 10
_PACKAGES_SHOWN = 10
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}", re.ASCII)


def definitions(
    modules: Iterable[str], environments: Mapping[str, Sequence[str]], *, typescript: bool = False
) -> list[Tool]:
    """Return the tools of the facade.

    Parameters:
        modules: the names of the servers' modules.
        environments: the packages of each environment; where there is none, nothing is said of them.
        typescript: whether programs may be written in TypeScript; nothing is said of it otherwise.
    """
    shown = _listed(modules)
    servers = f"the MCP servers {shown}" if shown else "the connected MCP servers"
    run_code = _run_code(servers, {**_language(typescript=typescript), **_environment(environments)})
    asked = {"language": {"type": "string", "enum": LANGUAGES, "default": "python"}} if typescript else {}
    return [run_code, _search_tools(servers, asked), _get_tool_documentation(asked), _list_servers(servers)]


def _listed(modules: Iterable[str]) -> str:
    """Name the modules that are plain short words; the others are only counted.

    A name comes from a configuration that others may have written: prose has no room in one word
    of 32 letters, and an identifier cannot end the sentence it stands in.
    """
    known = sorted(modules)
    plain = [name for name in known if _WORD.fullmatch(name)][:_MODULES_SHOWN]
    more = len(known) - len(plain)
    return ", ".join(plain) + (f" and {more} more" if plain and more else "")


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


def _language(*, typescript: bool) -> dict[str, Any]:
    if not typescript:
        return {}
    return {
        "language": {
            "type": "string",
            "enum": LANGUAGES,
            "default": "python",
            "description": (
                'TypeScript imports { <server> } from "mcp-servers" and awaits '
                "<server>.<tool>({ name: value }); "
                "tools are in camelCase."
            ),
        }
    }


def _run_code(servers: str, more: Mapping[str, Any]) -> Tool:
    return Tool(
        name="run_code",
        title="Run code",
        description=(
            f"Run Python in a sandbox that can call the tools of {servers}. "
            "Import a server as a module and await every tool, with keyword arguments:\n"
            "from mcp_servers import <server>\n"
            "rows = await <server>.<tool>(name=value)\n"
            "Do a whole task in one program: call tools in loops or with asyncio.gather, process their "
            "data in code, and return only the final result. The last expression, or a top-level "
            "return, is the answer; tool data that you do not return costs no context. "
            "Find tools and their signatures with search_tools first."
        ),
        input_schema=_object(
            {
                "code": {"type": "string", "description": "A Python program; top-level await works."},
                "agent": {"type": "string", "description": "Whose workspace to use.", "default": "default"},
                "timeout": {
                    "type": "number",
                    "description": "Seconds.",
                    "default": 30,
                    "exclusiveMinimum": 0,
                    "maximum": MAX_TIMEOUT,
                },
                **more,
            },
            required=["code"],
        ),
        output_schema=_object(
            {
                "run": {"type": "string"},
                "ok": {"type": "boolean"},
                "value": {},
                "stdout": {"type": "string"},
                "stderr": {"type": "string"},
                "error": {"type": "object"},
                "truncated": {"type": "boolean"},
                "handle": {"type": "string"},
                "tool_calls": {"type": "integer"},
                "sandbox": {"type": "string"},
                "checked": {"type": ["boolean", "string"]},
            },
            required=["run", "ok", "value"],
        ),
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True),
    )


def _search_tools(servers: str, more: Mapping[str, Any]) -> Tool:
    return Tool(
        name="search_tools",
        title="Search tools",
        description=(
            f"Find tools of {servers} by what they do, with their call signatures. "
            "Search once for each step of a task; name the server when you know it."
        ),
        input_schema=_object(
            {
                "query": {"type": "string", "description": "Words for one step, e.g. 'commit history'."},
                "server": {"type": "string", "description": "Search this server only."},
                "limit": {"type": "integer", "default": 10, "minimum": 1, "maximum": MAX_HITS},
                **more,
            },
            required=["query"],
        ),
        output_schema=_object(
            {
                "tools": {
                    "type": "array",
                    "items": _object(
                        {
                            "module": {"type": "string"},
                            "signature": {"type": "string"},
                            "summary": {"type": "string"},
                        },
                        required=["module", "signature", "summary"],
                    ),
                }
            },
            required=["tools"],
        ),
        annotations=_reading(),
    )


def _get_tool_documentation(more: Mapping[str, Any]) -> Tool:
    return Tool(
        name="get_tool_documentation",
        title="Get tool documentation",
        description="Show the full documentation of tools: parameters, types, result, example.",
        input_schema=_object(
            {
                "names": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": MAX_NAMES,
                    "description": "Names as server.tool, e.g. ['git.git_log'].",
                },
                **more,
            },
            required=["names"],
        ),
        output_schema=_object({"documentation": {"type": "string"}}, required=["documentation"]),
        annotations=_reading(),
    )


def _list_servers(servers: str) -> Tool:
    return Tool(
        name="list_servers",
        title="List servers",
        description=f"List {servers}: module name, state, number of tools, last error.",
        input_schema=_object({}, required=[]),
        output_schema=_object(
            {
                "servers": {
                    "type": "array",
                    "items": _object(
                        {
                            "module": {"type": "string"},
                            "server": {"type": "string"},
                            "state": {"type": "string"},
                            "tools": {"type": "integer"},
                            "error": {"type": "string"},
                        },
                        required=["module", "server", "state"],
                    ),
                }
            },
            required=["servers"],
        ),
        annotations=_reading(),
    )


def _reading() -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema
