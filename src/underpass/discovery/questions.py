"""The functions of discovery for those who speak JSON: programs in a sandbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from underpass.catalog.catalog import ServerState
from underpass.codegen.names import identifiers
from underpass.discovery.directory import ToolDirectory
from underpass.discovery.request import DocumentationRequest, SearchRequest, server_of

_ERROR = 2_000
"""Characters of a server's last error, which is a foreign text."""


class Questions:
    """Answers the functions of discovery; each takes its arguments as one JSON object.

    All raise ``ValidationFailed`` for arguments that are no good, ``ServerNotFound``,
    ``ServerUnavailable`` and ``ToolNotFound`` as ``ToolDirectory`` does.

    Parameters:
        directory: where tools are found.
        states: gives the state of each configured server.
    """

    def __init__(self, directory: ToolDirectory, states: Callable[[], list[ServerState]]) -> None:
        self._directory = directory
        self._states = states

    def by_name(self) -> dict[str, Callable[[Mapping[str, Any]], Awaitable[Any]]]:
        """Return the functions by the names that programs know them by."""
        return {
            "search_tools": self.search_tools,
            "get_tool_docs": self.get_tool_docs,
            "list_categories": self.list_categories,
            "list_capabilities": self.list_capabilities,
            "list_servers": self.list_servers,
        }

    async def search_tools(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return hits, or for several queries groups of them."""
        request = SearchRequest.read(arguments)
        return [found.to_dict(request.language) for found in await self._directory.answer(request)]

    async def get_tool_docs(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Return the documentation of tools by name."""
        asked = DocumentationRequest.read(arguments)
        return {
            name: await self._directory.document(name, asked.language, asked.detail) for name in asked.names
        }

    async def list_categories(self, arguments: Mapping[str, Any]) -> dict[str, int]:
        """Return each category with how many tools it has."""
        return await self._directory.categories(server_of("list_categories", arguments))

    async def list_capabilities(self, arguments: Mapping[str, Any]) -> dict[str, int]:
        """Return each capability with how many tools have it."""
        return await self._directory.capabilities(server_of("list_capabilities", arguments))

    async def list_servers(self, _arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the servers in use."""
        return server_list(self._states())


def server_list(states: list[ServerState]) -> list[dict[str, Any]]:
    """Return the servers in use as JSON: ``name``, ``module``, ``state``, ``tools`` and ``error``."""
    used = [state for state in states if state.state != "disabled"]
    modules = identifiers((state.name for state in used), "server")
    return [
        {
            "name": state.name,
            "module": modules[state.name],
            "state": state.state,
            "tools": state.tools,
            "error": None if state.error is None else state.error[:_ERROR],
        }
        for state in used
    ]
