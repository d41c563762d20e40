"""One role at work: its terms, its documents and its graph, kept as its folders are."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from terraphim import thesaurus as thesauri
from terraphim.builder import KnowledgeGraphFolder
from terraphim.config import Haystack, Places, Role
from terraphim.documents import Document
from terraphim.errors import FolderUnreadable, IndexInvalid, RoleUnsuitable
from terraphim.haystack import Change, MarkdownFolder, Skipped
from terraphim.ranking import DocumentIndex, Ranked, Relevance
from terraphim.rolegraph import RoleGraph
from terraphim.store import Store
from terraphim.thesaurus import Thesaurus

_SHARE = 20
"""Looking at folders may take one part in this many of the time."""


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


class Pace:
    """Says when to look at a folder again: the sooner, the faster a look is.

    A folder of ten files is looked at before each search; one of ten thousand about twice a second.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._again = float("-inf")

    def due(self) -> bool:
        """Whether it is time."""
        return self._clock() >= self._again

    def done(self, began: float) -> None:
        """Note that a look, begun at ``began`` by the same clock, is over."""
        now = self._clock()
        self._again = now + _SHARE * (now - began)

    def now(self) -> float:
        """The clock."""
        return self._clock()


class Terms:
    """Where a role's thesaurus comes from: a file or address (``automata_path``), else a folder."""

    def __init__(self, name: str, role: Role, places: Places) -> None:
        self._name = name
        self._places = places
        self._source = role.kg.automata_path if role.kg else None
        local = role.kg.knowledge_graph_local if role.kg else None
        if self._source is None and local is not None and local.input_type == "json":
            self._source = local.path
        self._folder = local.path if local is not None and local.input_type == "markdown" else None
        self._loaded: tuple[object, Thesaurus] | None = None
        self._built: KnowledgeGraphFolder | None = None
        self._pace = Pace()

    async def current(self) -> Thesaurus | None:
        """The terms as they are now; the same object until they change. None for a role without a graph.

        Raises:
            ThesaurusUnavailable, ThesaurusInvalid, FolderUnreadable: they cannot be had.
        """
        if self._source is not None:
            return await self._from_file(self._source)
        if self._folder is not None:
            return await anyio.to_thread.run_sync(self._from_folder, self._folder)
        return None

    async def _from_file(self, source: str) -> Thesaurus:
        remote = "://" in source
        place = source if remote else str(self._places.resolve(source))
        mark = place if remote else await anyio.to_thread.run_sync(_mark, Path(place))
        if self._loaded is None or self._loaded[0] != mark:
            self._loaded = (mark, await thesauri.load(place))
        return self._loaded[1]

    def _from_folder(self, folder: str) -> Thesaurus:
        began = self._pace.now()
        if self._built is None:
            self._built = KnowledgeGraphFolder(self._places.resolve(folder), name=self._name)
        elif self._pace.due():
            self._built.refresh()
        else:
            return self._built.thesaurus
        self._pace.done(began)
        return self._built.thesaurus


class RoleIndex:
    """What one role searches.

    Parameters:
        name: the role's name.
        role: its configuration.
        places: finds its folders.
        store: keeps the index between starts; None keeps it nowhere.
    """

    def __init__(self, name: str, role: Role, places: Places, store: Store | None = None) -> None:
        self.name = name
        self.role = role
        self._terms = Terms(name, role, places)
        self._folders = [_folder(haystack, places) for haystack in role.haystacks if haystack.is_local]
        self._key = json.dumps([name, *(folder.identity for folder in self._folders)])
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
        self._pace = Pace()
        self._lock = anyio.Lock()

    async def thesaurus(self) -> Thesaurus | None:
        """The role's terms; None where no knowledge graph is configured. Raises as ``Terms.current``."""
        async with self._lock:
            return await self._terms.current()

    async def graph(self) -> RoleGraph:
        """The role's graph over its documents, as they are now.

        Raises:
            RoleUnsuitable: the role has no knowledge graph, or nothing to search.
        """
        async with self._lock:
            graph = await self._refreshed()
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
            return await anyio.to_thread.run_sync(self._ranked, query, graph, limit, skip)

    async def documents(self) -> Sequence[Document]:
        """All documents, in the order of their ids. Raises as ``search``."""
        async with self._lock:
            await self._refreshed()
            return sorted(self._index, key=_id)

    async def document(self, document_id: str) -> Document | None:
        """The document with that id, if there is one. Raises as ``search``."""
        async with self._lock:
            await self._refreshed()
            return self._index.get(document_id)

    async def _refreshed(self) -> RoleGraph | None:
        if not self._folders:
            services = ", ".join(f"{skipped.path}: {skipped.reason}" for skipped in self._foreign)
            raise RoleUnsuitable(
                f"Role '{self.name}' has no folder to search" + (f" ({services})" if services else ""),
                hint="give the role a haystack of the service Ripgrep",
                role=self.name,
            )
        thesaurus = await self._terms.current() if self.role.uses_graph and self.role.has_graph else None
        return await anyio.to_thread.run_sync(self._refresh, thesaurus)

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
        self._save()
        return known

    def _restore(self, thesaurus: Thesaurus | None) -> None:
        """Begin from what an earlier server kept; what cannot be used is built again."""
        self._restored = True
        assert self._store is not None
        empty = [folder.snapshot() for folder in self._folders]
        try:
            value = self._store.load(self._key)
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
            self._store.save(self._key, value)
        self._unsaved = False
        self._stored.done(began)

    def _look(self) -> list[Change]:
        began = self._pace.now()
        changes: list[Change] = []
        unreadable: list[FolderUnreadable] = []
        for folder in self._folders:
            try:
                changes.append(folder.refresh())
            except FolderUnreadable as error:
                changes.append(folder.clear())
                unreadable.append(error)
        self._unreadable = tuple(Skipped(error.data["folder"], error.message) for error in unreadable)
        self._failure = unreadable[0] if len(unreadable) == len(self._folders) else None
        if self._failure is None:
            self._pace.done(began)
        return changes

    def _ranked(self, query: str, graph: RoleGraph | None, limit: int | None, skip: int) -> Found:
        relevance = self.role.relevance_function
        ranked: list[Ranked] = []
        if relevance is not Relevance.TERRAPHIM_GRAPH or graph is not None:
            ranked = self._index.search(query, relevance, graph=graph)
        if relevance is Relevance.TERRAPHIM_GRAPH and not ranked:
            relevance = Relevance.BM25
            ranked = self._index.search(query, relevance)
        end = None if limit is None else skip + limit
        return Found(self.name, relevance, len(ranked), tuple(ranked[skip:end]), self._skipped())

    def _skipped(self) -> tuple[Skipped, ...]:
        own = (skipped for folder in self._folders for skipped in folder.skipped)
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


def _mark(path: Path) -> object:
    """What shows that a file is still the same; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (str(path), status.st_mtime_ns, status.st_size, status.st_ino)
