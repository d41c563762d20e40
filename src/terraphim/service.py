"""What the server's tools do, without the protocol: roles, and one autocomplete index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import anyio.to_thread

from terraphim import thesaurus as thesauri
from terraphim.autocomplete import AutocompleteIndex, Suggestion
from terraphim.config import Config, Places, Role
from terraphim.documents import Document
from terraphim.errors import (
    FolderUnreadable,
    IndexMissing,
    RoleUnsuitable,
    TerraphimError,
    ThesaurusInvalid,
    ThesaurusUnavailable,
)
from terraphim.haystack import describe
from terraphim.rolegraph import Connectivity
from terraphim.roles import Found, RoleIndex
from terraphim.store import Store
from terraphim.thesaurus import Thesaurus

MAX_RESULTS = 1000
"""The most documents or terms in one answer; ``skip`` leads to the others."""
_SNIPPET = 160

Purpose = Literal["Autocomplete", "Term matching", "Graph connectivity check"]


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """The autocomplete index in use.

    Parameters:
        index: the terms.
        role: the role it was built for; None for one that a client brought.
        thesaurus: what it was built from.
    """

    index: AutocompleteIndex
    role: str | None = None
    thesaurus: Thesaurus | None = None


class Service:
    """Answers for all roles of a configuration.

    Parameters:
        config: the roles.
        places: finds the configuration's folders.
        store: keeps indexes between starts; None keeps them nowhere.
    """

    def __init__(self, config: Config, places: Places, store: Store | None = None) -> None:
        self._store = store
        self._config = config
        self._places = places
        self._roles: dict[str, RoleIndex] = {}
        self._index: BuiltIndex | None = None

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._config

    def update(self, text: str) -> Config:
        """Put the configuration ``text`` in the place of the current one, and forget every index.

        Raises:
            ConfigInvalid: it is malformed; the current one stays.
        """
        self._config = Config.parse(text)
        self._roles = {}
        self._index = None
        return self._config

    async def search(
        self, query: str, *, role: str | None = None, limit: int | None = None, skip: int = 0
    ) -> Found:
        """Return the documents of a role that answer ``query``, each with the line where it matches.

        Parameters:
            role: a role's name; the selected role by default.
            limit: the most documents, ``MAX_RESULTS`` at most and by default.
            skip: how many of the best to leave out.

        Raises:
            RoleNotFound, RoleUnsuitable, FolderUnreadable, ThesaurusUnavailable, ThesaurusInvalid
        """
        limit = MAX_RESULTS if limit is None else min(limit, MAX_RESULTS)
        found = await self._role(role).search(query, limit=limit, skip=skip)
        return await anyio.to_thread.run_sync(_described, found, query)

    async def thesaurus(self, role: str | None, purpose: Purpose) -> tuple[str, Thesaurus]:
        """Return a role's name and its terms.

        Raises:
            RoleNotFound, RoleUnsuitable, ThesaurusUnavailable: the terms cannot be had; the message says
                what ``purpose`` needs them for.
        """
        index = self._role(role)
        _check_graph(index.name, index.role, purpose)
        try:
            thesaurus = await index.thesaurus()
        except (ThesaurusInvalid, ThesaurusUnavailable, FolderUnreadable) as error:
            raise ThesaurusUnavailable(
                f"Failed to load thesaurus for role '{index.name}': {error.message}",
                hint=error.hint,
                **error.data,
            ) from error
        if not thesaurus:
            raise RoleUnsuitable(f"No thesaurus data available for role '{index.name}'", role=index.name)
        return index.name, thesaurus

    async def build_index(self, role: str | None = None) -> tuple[str, AutocompleteIndex]:
        """Build the autocomplete index from a role's terms, and use it. Raises as ``thesaurus``."""
        name, thesaurus = await self.thesaurus(role, "Autocomplete")
        built = self._index
        if built is None or built.thesaurus is not thesaurus:
            index = await anyio.to_thread.run_sync(AutocompleteIndex.build, thesaurus)
            built = BuiltIndex(index, name, thesaurus)
        self._index = replace(built, role=name)
        return name, built.index

    async def index(self) -> AutocompleteIndex:
        """Return the autocomplete index in use, with its role's terms as they are now.

        Where none was built, it is that of the selected role.

        Raises:
            IndexMissing: none was built, and the selected role has no terms.
        """
        if self._index is not None and self._index.role is None:
            return self._index.index
        try:
            return (await self.build_index(self._index.role if self._index else None))[1]
        except TerraphimError as error:
            if self._index is not None:
                return self._index.index
            raise IndexMissing(
                "Autocomplete index not built. Please run 'build_autocomplete_index' first."
            ) from error

    async def use_index(self, data: bytes) -> AutocompleteIndex:
        """Use an index that ``AutocompleteIndex.serialize`` wrote. Raises IndexInvalid."""
        index = await anyio.to_thread.run_sync(AutocompleteIndex.deserialize, data)
        self._index = BuiltIndex(index)
        return index

    async def snippets(self, suggestions: list[Suggestion], *, role: str | None = None) -> list[str | None]:
        """For each suggestion, some words of the best document for its term; None where there is none.

        Raises:
            RoleNotFound: there is no such role.
        """
        index = self._role(role)
        found: list[str | None] = []
        for suggestion in suggestions:
            try:
                best = await index.search(suggestion.term, limit=1, skip=0)
            except TerraphimError:
                found.append(None)
                continue
            found.append(_snippet(best.ranked[0].document) if best.ranked else None)
        return found

    async def connectivity(
        self, text: str, *, role: str | None = None
    ) -> tuple[str, Thesaurus, Connectivity]:
        """Say whether one trail in a role's graph visits all terms of ``text``.

        Raises:
            SearchLimitExceeded: the question is too large.
            RoleNotFound, RoleUnsuitable, ThesaurusUnavailable, FolderUnreadable
        """
        name, thesaurus = await self.thesaurus(role, "Graph connectivity check")
        graph = await self._role(name).graph()
        return name, thesaurus, await anyio.to_thread.run_sync(graph.connectivity, text)

    async def load_thesaurus(self, location: str) -> Thesaurus:
        """Load a thesaurus from a file or an https address. Raises ThesaurusUnavailable, ThesaurusInvalid."""
        place = location if "://" in location else str(self._places.resolve(location))
        return await thesauri.load(place)

    async def documents(self) -> list[Document]:
        """All documents of the selected role, in the order of their ids. Raises as ``search``."""
        return list(await self._role(None).documents())

    async def document(self, document_id: str) -> Document | None:
        """The document with that id: of the selected role, or else of any other."""
        selected = self._config.selected_role
        for name in (selected, *(name for name in self._config.roles if name != selected)):
            try:
                document = await self._role(name).document(document_id)
            except TerraphimError:
                continue
            if document is not None:
                return document
        return None

    def _role(self, name: str | None) -> RoleIndex:
        name, role = self._config.role(name)
        if name not in self._roles:
            self._roles[name] = RoleIndex(name, role, self._places, self._store)
        return self._roles[name]


def concepts(thesaurus: Thesaurus) -> Mapping[int, str]:
    """The names of a thesaurus's concepts by their numbers."""
    return {concept.id: concept.value for concept in thesaurus.terms.values()}


def _check_graph(name: str, role: Role, purpose: Purpose) -> None:
    if not role.uses_graph:
        raise RoleUnsuitable(
            f"Role '{name}' does not use knowledge graph ranking (TerraphimGraph). {purpose} is only "
            "available for roles with knowledge graph-based ranking. "
            f"Current relevance function: {role.relevance_shown}",
            role=name,
        )
    if not role.has_graph:
        raise RoleUnsuitable(
            f"Role '{name}' does not have a properly configured knowledge graph. {purpose} requires "
            "a role with defined automata_path or local knowledge graph.",
            role=name,
        )


def _described(found: Found, query: str) -> Found:
    ranked = tuple(
        replace(one, document=replace(one.document, description=describe(one.document.body, query)))
        for one in found.ranked
    )
    return replace(found, ranked=ranked)


def _snippet(document: Document) -> str | None:
    text = document.stub or document.description or document.body[:_SNIPPET]
    return " ".join(text.split()) or None
