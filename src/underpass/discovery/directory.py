"""Searching and looking up tools across the servers of a catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.facts import ToolFacts
from underpass.codegen.names import identifiers
from underpass.codegen.observed import Observations, unobserved
from underpass.discovery.categories import canonical
from underpass.discovery.facts import tool_facts
from underpass.discovery.hit import Hit
from underpass.discovery.index import ToolIndex
from underpass.errors import ServerNotFound, ServerUnavailable, ToolNotFound, ValidationFailed, did_you_mean


class ListingSource(Protocol):
    """The part of a catalog that discovery needs."""

    @property
    def names(self) -> tuple[str, ...]: ...

    async def listing(self, server: str) -> Listing: ...

    async def listings(self) -> Mapping[str, Listing | ServerUnavailable]: ...


class ToolDirectory:
    """Answers from the current listings; a server whose listing changes is indexed again.

    Parameters:
        source: gives the listings.
        observed: finds what earlier results of a tool looked like, for its signature.
    """

    def __init__(self, source: ListingSource, observed: Observations = unobserved) -> None:
        self._source = source
        self._observed = observed
        self._index = ToolIndex()
        self._indexed: dict[str, Listing] = {}

    async def search(
        self,
        query: str,
        *,
        server: str | None = None,
        category: str | None = None,
        capabilities: Iterable[str] = (),
        limit: int = 10,
    ) -> list[Hit]:
        """Return the tools that fit ``query`` best.

        Parameters:
            query: words for one step of a task.
            server: search this server alone, by its configured name or its module's; the others
                are not started. Default: all servers; one that cannot be listed is left out.
            category: only tools of this category.
            capabilities: only tools that have all of these.
            limit: how many at most.

        Raises:
            ServerNotFound, ServerUnavailable: for a ``server`` that is named.
            ValidationFailed: no tool is of this category, or has one of these capabilities.
        """
        server, index = await self._current(server)
        capabilities = tuple(capabilities)
        if category is not None:
            _check("category", canonical(category), index.list_categories(server))
        for capability in capabilities:
            _check("capability", capability, index.list_capabilities(server))
        return index.search(query, limit, server, category, capabilities, observed=self._observed)

    async def categories(self, server: str | None = None) -> dict[str, int]:
        """Return each category with how many tools it has, the largest first.

        Raises:
            ServerNotFound, ServerUnavailable: for a ``server`` that is named.
        """
        server, index = await self._current(server)
        return index.list_categories(server)

    async def capabilities(self, server: str | None = None) -> dict[str, int]:
        """Return each capability with how many tools have it, the commonest first.

        Raises:
            ServerNotFound, ServerUnavailable: for a ``server`` that is named.
        """
        server, index = await self._current(server)
        return index.list_capabilities(server)

    def server(self, name: str) -> str:
        """Return the configured name of a server that is given by it or by its module's name.

        Raises:
            ServerNotFound: there is none.
        """
        if name in self._source.names:
            return name
        for kind in ("server", "namespace"):
            for server, module in identifiers(self._source.names, kind).items():
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

    async def facts(self, tool: ToolDefinition) -> ToolFacts:
        """Return category, capabilities and related tools, for the documentation of ``tool``.

        Its own server's listing is looked at; of the others, those that were asked for before.

        Raises:
            ServerNotFound, ServerUnavailable
        """
        _, index = await self._current(tool.server)
        return tool_facts(index, tool)

    async def _current(self, server: str | None) -> tuple[str | None, ToolIndex]:
        """Return the configured name of ``server``, and the index with its listing, or with all."""
        if server is not None:
            server = self.server(server)
            self._update(server, await self._source.listing(server))
            return server, self._index
        found = await self._source.listings()
        for name in self._indexed.keys() - found.keys():
            self._update(name, None)
        for name in sorted(found):
            listing = found[name]
            self._update(name, listing if isinstance(listing, Listing) else None)
        return None, self._index

    def _update(self, server: str, listing: Listing | None) -> None:
        # Equal lists of the same objects compare at once.
        if self._indexed.get(server) == listing:
            return
        self._index.remove(server)
        if listing is None:
            del self._indexed[server]
        else:
            self._index.add(listing.tools)
            self._indexed[server] = listing


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        close = did_you_mean(name, names)
        raise ValidationFailed(
            f"no tool here has the {kind} {name!r}",
            hint=f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names[:40])}",
            known=names,
        )


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
    for kind in ("tool", "function"):
        for tool, function in identifiers(tuple(by_name), kind).items():
            if function == name:
                return by_name[tool]
    raise ToolNotFound.named(server, name, by_name)
