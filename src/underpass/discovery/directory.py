"""Searching and looking up tools across the servers of a catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.documentation import Detail, Language, document
from underpass.codegen.facts import ToolFacts
from underpass.codegen.names import identifiers
from underpass.codegen.observed import Observations, unobserved
from underpass.discovery.categories import canonical
from underpass.discovery.embeddings import Embeddings
from underpass.discovery.facts import tool_facts
from underpass.discovery.groups import HitGroup, grouped
from underpass.discovery.hit import Hit
from underpass.discovery.index import ToolIndex
from underpass.discovery.request import SearchRequest
from underpass.discovery.words import terms
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
        embeddings: searches by meaning as well.
    """

    def __init__(
        self,
        source: ListingSource,
        observed: Observations = unobserved,
        embeddings: Embeddings | None = None,
    ) -> None:
        self._source = source
        self._observed = observed
        self._index = ToolIndex(embeddings)
        self._indexed: dict[str, Listing] = {}
        self._seen: Mapping[str, Listing | ServerUnavailable] = {}
        """The listings that the index was brought up to the last time."""

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
            query: words for one step of a task; none for the tools that the filters leave, by name.
            server: search this server alone, by its configured name or its module's; the others
                are not started. Default: all servers; one that cannot be listed is left out.
            category: only tools of this category.
            capabilities: only tools that have all of these.
            limit: how many at most.

        Raises:
            ServerNotFound, ServerUnavailable: for a ``server`` that is named.
            ValidationFailed: no tool is of this category, or has one of these capabilities.
        """
        [hits] = (await self._search([query], server, category, capabilities, limit)).values()
        return hits

    async def search_each(
        self,
        queries: Sequence[str],
        *,
        server: str | None = None,
        category: str | None = None,
        capabilities: Iterable[str] = (),
        limit: int = 5,
    ) -> list[HitGroup]:
        """Return the tools that fit each of ``queries`` best; each tool once, where it fits best.

        Parameters:
            queries: one for each step of a task.
            server, category, capabilities: as for ``search``.
            limit: how many at most for each.

        Raises:
            ServerNotFound, ServerUnavailable, ValidationFailed: as for ``search``.
        """
        return grouped(await self._search(queries, server, category, capabilities, limit))

    async def answer(self, request: SearchRequest) -> list[Hit] | list[HitGroup]:
        """Return the hits of a request, by query where it has several.

        Raises:
            ServerNotFound, ServerUnavailable, ValidationFailed: as for ``search``.
        """
        filters: dict[str, Any] = {
            "server": request.server,
            "category": request.category,
            "capabilities": request.capabilities,
            "limit": request.hits,
        }
        if request.queries is None:
            hits = await self.search(request.query or "", **filters)
            return [replace(hit, detail=request.detail) for hit in hits]
        groups = await self.search_each(request.queries, **filters)
        return [
            replace(group, tools=tuple(replace(hit, detail=request.detail) for hit in group.tools))
            for group in groups
        ]

    async def _search(
        self,
        queries: Sequence[str],
        server: str | None,
        category: str | None,
        capabilities: Iterable[str],
        limit: int,
    ) -> dict[str, list[Hit]]:
        server, index = await self._current(server)
        wanted = tuple(capabilities)
        if category is not None:
            category = canonical(category)
            _check("category", category, index.list_categories(server))
        for capability in wanted:
            _check("capability", capability, index.list_capabilities(server))
        filtered = server is not None or category is not None or bool(wanted)
        found: dict[str, list[Hit]] = {}
        for query in dict.fromkeys(queries):
            if server is None and filtered and not terms(query):
                found[query] = self._all(category, wanted, limit)
            else:
                found[query] = index.search(query, limit, server, category, wanted, observed=self._observed)
        return found

    def _all(self, category: str | None, capabilities: Sequence[str], limit: int) -> list[Hit]:
        """Return what the filters leave, server by server: there are no words to rank by."""
        hits: list[Hit] = []
        for server in self._index.servers:
            if len(hits) >= limit:
                break
            left = limit - len(hits)
            hits += self._index.search("", left, server, category, capabilities, observed=self._observed)
        return hits

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

    @property
    def servers(self) -> tuple[str, ...]:
        """The configured names of all servers."""
        return tuple(self._source.names)

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

    async def document(self, name: str, language: Language = "python", detail: Detail = "brief") -> str:
        """Return the documentation of the tool that ``server.tool`` or ``server::tool`` names.

        Parameters:
            name: as for ``tool``.
            language: ``"python"`` or ``"typescript"``, of the signature and the example.
            detail: ``"brief"`` is about 600 tokens at most; ``"full"`` leaves nothing out.

        Raises:
            ServerNotFound, ServerUnavailable, ToolNotFound
        """
        tool = await self.tool(name)
        return document(
            tool, language, detail=detail, facts=await self.facts(tool), observed=self._observed(tool)
        )

    async def facts(self, tool: ToolDefinition) -> ToolFacts:
        """Return category, capabilities and related tools, for the documentation of ``tool``.

        Its own server's listing is looked at; of the others, those that were asked for before.

        Raises:
            ServerNotFound, ServerUnavailable
        """
        _, index = await self._current(tool.server)
        return tool_facts(index, tool)

    async def category(self, tool: ToolDefinition) -> str:
        """Return the category of a tool; empty for one that its server does not list.

        Raises:
            ServerNotFound, ServerUnavailable
        """
        _, index = await self._current(tool.server)
        hits = index.search("", len(index), tool.server)
        return next((hit.category for hit in hits if hit.name == tool.name), "")

    async def _current(self, server: str | None) -> tuple[str | None, ToolIndex]:
        """Return the configured name of ``server``, and the index with its listing, or with all."""
        if server is not None:
            server = self.server(server)
            self._update(server, await self._source.listing(server))
            return server, self._index
        found = await self._source.listings()
        # Equal mappings to the same objects compare at once.
        if found == self._seen:
            return None, self._index
        for name in self._indexed.keys() - found.keys():
            self._update(name, None)
        for name in sorted(found):
            listing = found[name]
            self._update(name, listing if isinstance(listing, Listing) else None)
        self._seen = dict(found)
        return None, self._index

    def _update(self, server: str, listing: Listing | None) -> None:
        # Equal lists of the same objects compare at once.
        if self._indexed.get(server) == listing:
            return
        self._seen = {}
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
