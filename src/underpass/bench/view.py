"""A part of an ``Underpass``: as if only some of its servers were connected."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from underpass import Underpass
from underpass.catalog.catalog import Catalog, ServerState
from underpass.catalog.definition import Listing
from underpass.codegen.calls import Language
from underpass.codegen.names import identifiers
from underpass.config import Settings
from underpass.discovery.directory import ToolDirectory
from underpass.errors import ServerUnavailable
from underpass.execution.result import RunResult
from underpass.metrics.statistics import Statistics

Runs = MutableMapping[tuple[str, str], RunResult]
"""The programs that have run, by code and language."""


class PartOfCatalog:
    """Some servers of a catalog."""

    def __init__(self, catalog: Catalog, names: Sequence[str]) -> None:
        self._catalog = catalog
        self.names = tuple(names)

    async def listing(self, server: str) -> Listing:
        """Return a server's tools."""
        return await self._catalog.listing(server)

    async def listings(self) -> dict[str, Listing | ServerUnavailable]:
        """Return every server's tools."""
        found = await self._catalog.listings()
        return {name: found[name] for name in self.names}

    def known(self) -> dict[str, Listing]:
        """Return the listings that are known."""
        return {name: listing for name, listing in self._catalog.known().items() if name in self.names}

    def states(self) -> list[ServerState]:
        """Return the servers' states."""
        return [state for state in self._catalog.states() if state.name in self.names]


class View:
    """Stands in for an ``Underpass`` with fewer servers, and runs the same program only once.

    Tools are found as by someone who has not called any: what earlier results looked like is not known.

    Parameters:
        up: has all servers.
        names: those that are connected.
        runs: the programs that have run.
    """

    def __init__(self, up: Underpass, names: Sequence[str], runs: Runs) -> None:
        self._up = up
        self._runs = runs
        self.catalog = PartOfCatalog(up.catalog, names)
        self.directory = ToolDirectory(self.catalog)

    @property
    def settings(self) -> Settings:
        """Those of the whole."""
        return self._up.settings

    @property
    def statistics(self) -> Statistics:
        """Those of the whole."""
        return self._up.statistics

    @property
    def state(self) -> Path:
        """The state folder of the whole."""
        return self._up.state

    async def run(self, code: str, **options: Any) -> RunResult:
        """Run a program in the default agent's workspace, unless it has run."""
        key = code, options.get("language") or "python"
        if key not in self._runs:
            self._runs[key] = await self._up.run(code, language=key[1])
        return self._runs[key]

    async def call_tool(
        self, server: str, tool: str, arguments: Mapping[str, Any] | None = None, **_options: Any
    ) -> Any:
        """Call a tool."""
        return await self._up.call_tool(server, tool, arguments)

    async def result_text(self, server: str, tool: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool, and return the text of its result as the server wrote it."""
        outcome = await self._up.catalog.call(server, tool, arguments)
        return "\n".join(str(block["text"]) for block in outcome.content if block.get("type") == "text")

    async def written(self, tools: Sequence[tuple[str, str]], language: Language) -> list[str]:
        """Return how programs begin a call of each tool: ``git.git_log(``."""
        kinds = ("server", "tool") if language == "python" else ("namespace", "function")
        modules = identifiers(self.catalog.names, kinds[0])
        written: list[str] = []
        for server, tool in tools:
            names = [each.name for each in (await self.catalog.listing(server)).tools]
            written.append(f"{modules[server]}.{identifiers(names, kinds[1])[tool]}(")
        return written
