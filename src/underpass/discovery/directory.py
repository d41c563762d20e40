"""Searching and looking up tools across the servers of a catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.names import identifiers
from underpass.codegen.observed import Observations, unobserved
from underpass.discovery.index import Hit, ToolIndex
from underpass.errors import ServerNotFound, ServerUnavailable, ToolNotFound


class ListingSource(Protocol):
    """The part of a catalog that discovery needs."""

    @property
    def names(self) -> tuple[str, ...]: ...

    async def listing(self, server: str) -> Listing: ...

    async def listings(self) -> Mapping[str, Listing | ServerUnavailable]: ...


class ToolDirectory:
    """Answers from the current listings; indexes are rebuilt when a listing changes.

    Parameters:
        source: gives the listings.
        observed: finds what earlier results of a tool looked like, for its signature.
    """

    def __init__(self, source: ListingSource, observed: Observations = unobserved) -> None:
        self._source = source
        self._observed = observed
        self._indexes: dict[str | None, tuple[list[Listing], ToolIndex]] = {}

    async def search(self, query: str, *, server: str | None = None, limit: int = 10) -> list[Hit]:
        """Return the tools that fit ``query`` best.

        Parameters:
            query: words for one step of a task.
            server: search this server alone, by its configured name or its module's; the others
                are not started. Default: all servers; one that cannot be listed is left out.
            limit: how many at most.

        Raises:
            ServerNotFound, ServerUnavailable: for a ``server`` that is named.
        """
        if server is None:
            found = await self._source.listings()
            listings = [found[name] for name in sorted(found)]
            usable = [listing for listing in listings if isinstance(listing, Listing)]
        else:
            server = self.server(server)
            usable = [await self._source.listing(server)]
        return self._index(server, usable).search(query, limit, observed=self._observed)

    def server(self, name: str) -> str:
        """Return the configured name of a server that is given by it or by its module's name.

        Raises:
            ServerNotFound: there is none.
        """
        if name in self._source.names:
            return name
        for server, module in identifiers(self._source.names, "server").items():
            if module == name:
                return server
        raise ServerNotFound.named(name, self._source.names)

    async def tool(self, name: str) -> ToolDefinition:
        """Return the tool that ``server.tool`` or ``server::tool`` names.

        Both parts may be the configured names or those of the generated code.

        Raises:
            ServerNotFound, ServerUnavailable, ToolNotFound
        """
        error: ServerNotFound | ToolNotFound | None = None
        for server_name, tool_name in _splits(name):
            try:
                server = self.server(server_name)
                return _named(server, tool_name, await self._source.listing(server))
            except ServerNotFound as missing:
                error = error or missing
            except ToolNotFound as missing:
                error = missing
        if error is not None:
            raise error
        raise ServerNotFound(
            f"{name!r} names no tool of a server",
            hint="write it as server.tool, for example git.git_log; a search shows both names",
            server=name,
            known=sorted(self._source.names),
        )

    def _index(self, key: str | None, listings: list[Listing]) -> ToolIndex:
        # Equal lists of the same objects compare at once.
        if (known := self._indexes.get(key)) is not None and known[0] == listings:
            return known[1]
        index = ToolIndex.build(tool for listing in listings for tool in listing.tools)
        self._indexes[key] = (listings, index)
        return index


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield each way to read ``name`` as a server and a tool: both may hold dots themselves."""
    for separator in ("::", "."):
        start = name.find(separator)
        while start != -1:
            yield name[:start], name[start + len(separator) :]
            start = name.find(separator, start + 1)


def _named(server: str, name: str, listing: Listing) -> ToolDefinition:
    by_name = {tool.name: tool for tool in listing.tools}
    if name in by_name:
        return by_name[name]
    for tool, function in identifiers(tuple(by_name), "tool").items():
        if function == name:
            return by_name[tool]
    raise ToolNotFound.named(server, name, by_name)
