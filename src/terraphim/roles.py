"""One role at work: its terms, its documents and its graph, kept as its folders are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio
import anyio.to_thread

from terraphim import matching
from terraphim.config import Haystack, Places, Role
from terraphim.documents import Document
from terraphim.errors import FolderUnreadable, IndexInvalid, RoleUnsuitable
from terraphim.haystack import Change, MarkdownFolder, Skipped
from terraphim.pace import MANY_FILES, Pace
from terraphim.ranking import DocumentIndex, Ranked, Relevance
from terraphim.rolegraph import RoleGraph
from terraphim.store import Store
from terraphim.terms import Terms
from terraphim.thesaurus import Thesaurus

MAX_INDEXED_BYTES = 256 * 1024 * 1024
"""Larger haystacks are not held in memory: each search looks through the files."""
_MAX_SIFTED = 2000


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search.

    Parameters:
        role: the role that was asked.
        relevance: what ordered the documents.
        total: how many documents answer the query.
        ranked: those that were asked for, best first.
        skipped: files and folders that were not searched.
    """

    role: str
    relevance: Relevance
    total: int
    ranked: tuple[Ranked, ...]
    skipped: tuple[Skipped, ...]


class RoleIndex:
    """What one role searches.

    Parameters:
        name: the role's name.
        role: its configuration.
        places: finds its folders.
        store: keeps the index between starts; None keeps it nowhere.
        max_indexed_bytes: haystacks of more text are looked through for each search, not held in memory.
    """

    def __init__(
        self,
        name: str,
        role: Role,
        places: Places,
        store: Store | None = None,
        *,
        max_indexed_bytes: int = MAX_INDEXED_BYTES,
    ) -> None:
        self.name = name
        self.role = role
        self._terms = Terms(name, role, places)
        self._folders = [_folder(haystack, places) for haystack in role.haystacks if haystack.is_local]
        self.key = json.dumps([name, *(folder.identity for folder in self._folders)])
        """The name under which the index is kept."""
        self._foreign = tuple(
            Skipped(haystack.location, f"the service {haystack.service} is not searched by this server")
            for haystack in role.haystacks
            if not haystack.is_local
        )
        self._unreadable: tuple[Skipped, ...] = ()
        self._failure: FolderUnreadable | None = None
        self._index = DocumentIndex()
        self._store = store
        self._stored = Pace()
        self._restored = store is None
        self._unsaved = False
        self._graph: tuple[Thesaurus, RoleGraph] | None = None
        self._max_indexed_bytes = max_indexed_bytes
        self._too_large = False
        self._left_over = 0
        self._pace = Pace()
        self._lock = anyio.Lock()

    async def thesaurus(self) -> Thesaurus | None:
        """The role's terms; None where no knowledge graph is configured. Raises as ``Terms.current``."""
        async with self._lock:
            return await self._terms.current()

    async def graph(self) -> RoleGraph:
        """The role's graph over its documents, as they are now.

        Raises:
            RoleUnsuitable: the role has no knowledge graph, nothing to search, or too much.
        """
        async with self._lock:
            graph = await self._refreshed()
            if self._too_large:
                raise RoleUnsuitable(
                    f"Role '{self.name}' has over {self._max_indexed_bytes:,} bytes of documents: "
                    "too much for a graph in memory",
                    role=self.name,
                )
            if graph is None:
                raise RoleUnsuitable(f"Role '{self.name}' has no knowledge graph", role=self.name)
            return graph

    async def search(self, query: str, *, limit: int | None, skip: int) -> Found:
        """Rank the documents that answer ``query``.

        Where a graph finds none, because the query names no concept of it, words decide, by BM25.

        Raises:
            RoleUnsuitable: the role has nothing to search.
            FolderUnreadable, ThesaurusUnavailable, ThesaurusInvalid: what it has cannot be read.
        """
        async with self._lock:
            graph = await self._refreshed()
            index = self._index
            if self._too_large:
                thesaurus = await self._thesaurus()
                index, graph = await anyio.to_thread.run_sync(self._sifted, query, thesaurus)
            return await anyio.to_thread.run_sync(self._ranked, query, index, graph, limit, skip)

    async def documents(self) -> Sequence[Document]:
        """All documents that are held in memory, in the order of their ids. Raises as ``search``."""
        async with self._lock:
            await self._refreshed()
            return sorted(self._index, key=_id)

    async def document(self, document_id: str) -> Document | None:
        """The document with that id, if there is one. Raises as ``search``."""
        async with self._lock:
            await self._refreshed()
            if not self._too_large:
                return self._index.get(document_id)
            found = [folder.document(document_id) for folder in self._folders]
            return next((document for document in found if document is not None), None)

    async def _refreshed(self) -> RoleGraph | None:
        if not self._folders:
            services = ", ".join(f"{skipped.path}: {skipped.reason}" for skipped in self._foreign)
            raise RoleUnsuitable(
                f"Role '{self.name}' has no folder to search" + (f" ({services})" if services else ""),
                hint="give the role a haystack of the service Ripgrep",
                role=self.name,
            )
        return await anyio.to_thread.run_sync(self._refresh, await self._thesaurus())

    async def _thesaurus(self) -> Thesaurus | None:
        return await self._terms.current() if self.role.uses_graph and self.role.has_graph else None

    def _refresh(self, thesaurus: Thesaurus | None) -> RoleGraph | None:
        if not self._restored:
            self._restore(thesaurus)
        changes = self._look() if self._pace.due() else []
        known = self._graph[1] if self._graph is not None and self._graph[0] is thesaurus else None
        for change in changes:
            added = any(self._index.get(document.id) is None for document in change.put)
            for gone in change.removed:
                self._index.remove(gone)
            for document in change.put:
                self._index.put(document)
            if known is not None:
                known = _applied(change, known, in_order=not added)
        if thesaurus is not None and known is None:
            documents = tuple(sorted(self._index, key=_id))
            known = _applied(Change(documents, ()), RoleGraph(self.name, thesaurus), in_order=True)
            self._unsaved = True
        self._graph = None if thesaurus is None or known is None else (thesaurus, known)
        self._unsaved = self._unsaved or any(changes)
        if self._failure is not None:
            raise self._failure
        if not self._too_large:
            self._save()
        return known

    def _restore(self, thesaurus: Thesaurus | None) -> None:
        """Begin from what an earlier server kept; what cannot be used is built again."""
        self._restored = True
        assert self._store is not None
        empty = [folder.snapshot() for folder in self._folders]
        try:
            value = self._store.load(self.key)
            if value is None:
                return
            for folder, state in zip(self._folders, value["folders"], strict=True):
                folder.restore(state)
            self._index = DocumentIndex.restore(value["index"])
            if thesaurus is not None and value["thesaurus"] == _digest(thesaurus):
                self._graph = (thesaurus, RoleGraph(self.name, thesaurus, snapshot=value["graph"]))
        except (IndexInvalid, KeyError, TypeError, ValueError, OSError):
            self._index, self._graph = DocumentIndex(), None
            for folder, state in zip(self._folders, empty, strict=True):
                folder.restore(state)

    def _save(self) -> None:
        """Keep the index; of many small changes in a row some are kept together later."""
        if self._store is None or not self._unsaved or not self._stored.due():
            return
        began = self._stored.now()
        thesaurus, graph = self._graph or (None, None)
        value = {
            "folders": [folder.snapshot() for folder in self._folders],
            "index": self._index.snapshot(),
            "thesaurus": _digest(thesaurus) if thesaurus is not None else None,
            "graph": graph.snapshot() if graph is not None else None,
        }
        # Where nothing can be kept, each start builds the index again: slower, and no failure.
        with suppress(OSError):
            self._store.save(self.key, value)
        self._unsaved = False
        self._stored.done(began)

    def _look(self) -> list[Change]:
        began = self._pace.now()
        unreadable: dict[MarkdownFolder, FolderUnreadable] = {}
        size = 0
        for folder in self._folders:
            try:
                size += folder.look()
            except FolderUnreadable as error:
                unreadable[folder] = error
        if sum(folder.file_count for folder in self._folders) > MANY_FILES:
            self._pace.done(began)
        self._too_large = size > self._max_indexed_bytes
        changes = [
            folder.clear() if self._too_large or folder in unreadable else folder.update()
            for folder in self._folders
        ]
        self._unreadable = tuple(
            Skipped(error.data["folder"], error.message) for error in unreadable.values()
        )
        failed = len(unreadable) == len(self._folders)
        self._failure = next(iter(unreadable.values())) if failed else None
        return changes

    def _sifted(self, query: str, thesaurus: Thesaurus | None) -> tuple[DocumentIndex, RoleGraph | None]:
        """Index only the files that contain what is looked for."""
        needles = query.split()
        if thesaurus is not None:
            named = {match.concept.id for match in matching.find(query, thesaurus)}
            needles += [term for term, concept in thesaurus.terms.items() if concept.id in named]
        index = DocumentIndex()
        self._left_over = 0
        for folder in self._folders:
            names = folder.files_with(needles)
            self._left_over += max(0, len(names) - _MAX_SIFTED)
            for document in folder.read(names[:_MAX_SIFTED]):
                index.put(document)
        if thesaurus is None:
            return index, None
        graph = RoleGraph(self.name, thesaurus)
        return index, _applied(Change(tuple(sorted(index, key=_id)), ()), graph, in_order=True)

    def _ranked(
        self, query: str, index: DocumentIndex, graph: RoleGraph | None, limit: int | None, skip: int
    ) -> Found:
        relevance = self.role.relevance_function
        ranked: list[Ranked] = []
        if relevance is not Relevance.TERRAPHIM_GRAPH or graph is not None:
            ranked = index.search(query, relevance, graph=graph)
        if relevance is Relevance.TERRAPHIM_GRAPH and not ranked:
            relevance = Relevance.BM25
            ranked = index.search(query, relevance)
        end = None if limit is None else skip + limit
        return Found(self.name, relevance, len(ranked), tuple(ranked[skip:end]), self._skipped())

    def _skipped(self) -> tuple[Skipped, ...]:
        own = [skipped for folder in self._folders for skipped in folder.skipped]
        if self._too_large and self._left_over:
            own.append(
                Skipped("", f"{self._left_over:,} more files contain words of the query: name rarer ones")
            )
        return (*self._foreign, *self._unreadable, *own)


def _id(document: Document) -> str:
    return document.id


def _digest(thesaurus: Thesaurus) -> str:
    return hashlib.sha256(thesaurus.to_json().encode("utf-8", "surrogatepass")).hexdigest()


def _folder(haystack: Haystack, places: Places) -> MarkdownFolder:
    return MarkdownFolder(
        places.resolve(haystack.location),
        location=haystack.location,
        glob=haystack.extra_parameters.get("glob"),
        tags=haystack.extra_parameters.get("tag", "").split(),
    )


def _applied(change: Change, graph: RoleGraph, *, in_order: bool) -> RoleGraph:
    """The graph after a change. Ranks depend on the order of insertion, so that is always that of the ids."""
    for gone in change.removed:
        graph.remove(gone)
    for document in change.put:
        graph.insert(document)
    if in_order:
        return graph
    return RoleGraph(graph.role, graph.thesaurus, snapshot=sorted(graph.snapshot()))
