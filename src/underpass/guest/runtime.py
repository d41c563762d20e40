"""What code imports as ``mcp_runtime``: calls, discovery, the workspace, progress."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Literal

from underpass.guest import errors, results
from underpass.guest.channel import Channel
from underpass.guest.output import Output
from underpass.guest.workspace import Workspace


def install(channel: Channel, outputs: tuple[Output, ...], workspace: Workspace) -> None:
    """Make ``mcp_runtime`` importable."""

    async def call_tool(server: str, tool: str, arguments: dict[str, Any] | None = None) -> Any:
        """Call one tool by the names that its server gives; returns its result, unwrapped."""
        for output in outputs:
            output.flush()
        return await channel.ask_async(
            {"op": "call", "server": server, "tool": tool, "arguments": arguments or {}}
        )

    async def _host(what: str, arguments: dict[str, Any]) -> Any:
        return await channel.ask_async({"op": "ask", "what": what, "arguments": arguments})

    async def search_tools(
        query: str | None = None,
        server: str | None = None,
        *,
        queries: Sequence[str] | None = None,
        category: str | None = None,
        capabilities: Sequence[str] | None = None,
        limit: int | None = None,
        detail: Literal["brief", "full"] = "brief",
        skills: bool = False,
    ) -> list[dict[str, Any]]:
        """Find tools for one step of a task, or with ``queries`` for several: a group for each.

        With ``skills`` the hits of ``search_skills`` are in one ranking with the tools; they have ``import``.

        A hit has ``id``, ``server``, ``name``, ``summary``, ``signature``, ``category``, ``capabilities``
        and ``score``, with ``detail="full"`` ``documentation`` too. A group has ``query`` and ``tools``.
        """
        asked = {
            "query": query,
            "server": server,
            "queries": queries,
            "category": category,
            "capabilities": capabilities,
            "limit": limit,
            "detail": detail,
            "skills": skills or None,
        }
        return await _host("search_tools", _given(**asked))

    async def get_tool_docs(
        *names: str | Sequence[str], detail: Literal["brief", "full"] = "brief"
    ) -> dict[str, str]:
        """Return the Markdown documentation of tools, by name (``"git.git_log"``)."""
        each = [name for given in names for name in ([given] if isinstance(given, str) else given)]
        return await _host("get_tool_docs", {"names": each, "detail": detail})

    async def list_categories(server: str | None = None) -> dict[str, int]:
        """Return each category of tools with how many there are."""
        return await _host("list_categories", {"server": server})

    async def list_capabilities(server: str | None = None) -> dict[str, int]:
        """Return each capability with how many tools have it."""
        return await _host("list_capabilities", {"server": server})

    async def list_servers() -> list[dict[str, Any]]:
        """Return the servers: ``name``, ``module``, ``state``, ``tools`` and ``error`` of each."""
        return await _host("list_servers", {})

    async def search_skills(query: str, limit: int | None = None) -> list[dict[str, Any]]:
        """Find functions that have worked before, for one step of a task, the best first.

        A hit has ``name``, ``import`` (the line that imports it), ``summary``, ``signature``, ``version``,
        ``scope``, ``language``, ``uses``, ``success`` and ``score``.
        """
        return await _host("search_skills", _given(query=query, limit=limit, language="python"))

    async def list_skills() -> list[dict[str, Any]]:
        """Return the skills that there are: as hits of ``search_skills``, and ``problem``."""
        return await _host("list_skills", {"language": "python"})

    async def save_skill(
        name: str,
        description: str,
        code: str,
        *,
        entrypoint: str | None = None,
        examples: str | None = None,
        pitfalls: str | None = None,
        tags: Sequence[str] | None = None,
        cases: Sequence[dict[str, Any]] | None = None,
        scope: Literal["agent", "project", "user"] | None = None,
    ) -> dict[str, Any]:
        """Keep a function for later programs; returns ``name``, ``version``, ``status`` and ``import``.

        Parameters:
            name: lowercase letters, digits and single hyphens; an existing name gets a new version.
            description: what it does and when to use it.
            code: a module with one public, typed, asynchronous function that has a docstring.
            entrypoint: that function's name, where the code has several.
            examples, pitfalls: Markdown.
            cases: objects with the ``arguments`` of a use, by name, and its ``result``.
            scope: whose library; by default this agent's.

        Raises ``SkillInvalid`` or ``SkillNotSaved``: nothing was saved then.
        """
        told = _given(
            name=name,
            description=description,
            code=code,
            language="python",
            entrypoint=entrypoint,
            examples=examples,
            pitfalls=pitfalls,
            tags=tags,
            cases=cases,
            scope=scope,
        )
        return await _host("save_skill", told)

    async def load_result(handle: str) -> Any:
        """Return the whole value of an earlier run, by the handle that stood in its place.

        Raises ``ResultNotFound`` where no result of this agent has that handle, or it cannot be read.
        """
        return results.load(workspace, handle)

    def progress(value: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the person who waits how far the program is."""
        channel.send({"op": "progress", "value": value, "total": total, "message": message})

    module = ModuleType("mcp_runtime", __doc__)
    public: dict[str, Any] = {
        "call_tool": call_tool,
        "search_tools": search_tools,
        "get_tool_docs": get_tool_docs,
        "list_categories": list_categories,
        "list_capabilities": list_capabilities,
        "list_servers": list_servers,
        "search_skills": search_skills,
        "list_skills": list_skills,
        "save_skill": save_skill,
        "load_result": load_result,
        "progress": progress,
        "workspace": workspace,
        **errors.KINDS,
    }
    for name, value in public.items():
        setattr(module, name, value)
        if isinstance(value, type) or callable(value):
            value.__module__ = "mcp_runtime"
    # A package without a folder: its one module, ``data``, comes from the host.
    module.__dict__["__path__"] = []
    module.__dict__["__all__"] = sorted(public)
    sys.modules["mcp_runtime"] = module


def _given(**asked: Any) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}
