"""A role's graph: which concepts stand beside which, and in what documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isqrt
from typing import Any, cast

from terraphim.documents import Document
from terraphim.matching import Matcher, find
from terraphim.thesaurus import Thesaurus
from terraphim.trails import find_trail


@dataclass(slots=True)
class Node:
    """A concept that stands in a document.

    Parameters:
        id: the concept's number.
        rank: how often it took part in an edge.
        edges: the numbers of its edges, in order of creation.
    """

    id: int
    rank: int = 0
    edges: dict[int, None] = field(default_factory=dict[int, None])


@dataclass(slots=True)
class Edge:
    """Two concepts that follow each other in a document.

    Parameters:
        id: made of both numbers, see ``magic_pair``.
        concepts: both numbers, in the order of the first sighting; equal for a concept beside itself.
        rank: always 1.
        documents: document id to its rank on this edge.
    """

    id: int
    concepts: tuple[int, int]
    rank: int = 1
    documents: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that a query found, and its rank."""

    document_id: str
    rank: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """How large a graph is."""

    node_count: int
    edge_count: int
    document_count: int
    thesaurus_size: int

    @property
    def is_populated(self) -> bool:
        """Whether any document stands in the graph."""
        return self.document_count > 0


@dataclass(frozen=True, slots=True)
class Connectivity:
    """Whether one trail visits every concept of a text.

    Parameters:
        connected: the answer.
        concept_ids: the text's concepts, each once, in order.
        terms: the terms found in the text, each once, in order.
        path: concept ids along the trail; empty when there is none.
    """

    connected: bool
    concept_ids: tuple[int, ...]
    terms: tuple[str, ...]
    path: tuple[int, ...]


def magic_pair(x: int, y: int) -> int:
    """One number for two, which gives both back."""
    return x * x + x + y if x >= y else y * y + x


def magic_unpair(z: int) -> tuple[int, int]:
    """The two numbers that ``magic_pair`` made ``z`` from."""
    root = isqrt(z)
    rest = z - root * root
    return (rest, root) if rest < root else (root, rest - root)


class RoleGraph:
    """The graph of one role; its ranks depend on the documents and their order of insertion only.

    What each document says is kept, so that a document which changes is matched alone; nodes and edges are
    folded again from what is kept.

    Parameters:
        role: the role's name.
        thesaurus: its terms.
        snapshot: what an earlier ``snapshot`` with the same thesaurus returned.
    """

    def __init__(self, role: str, thesaurus: Thesaurus, *, snapshot: Any = None) -> None:
        self.role = role
        self.thesaurus = thesaurus
        self._matcher = Matcher.of(thesaurus)
        self._sequences: dict[str, list[int]] = _restored(snapshot)
        self._folded = not self._sequences
        self._nodes: dict[int, Node] = {}
        self._edges: dict[int, Edge] = {}

    def insert(self, document: Document) -> None:
        """Add a document, or put it in the place of the one with the same id."""
        concepts = self.concept_ids(document.graph_text)
        if document.id in self._sequences:
            self._folded = False
        elif self._folded:
            self._fold(document.id, concepts)
        self._sequences[document.id] = concepts

    def remove(self, document_id: str) -> None:
        """Forget a document; nothing happens if it is unknown."""
        if self._sequences.pop(document_id, None) is not None:
            self._folded = False

    @property
    def nodes(self) -> Mapping[int, Node]:
        """Concept id to node."""
        self._ensure_folded()
        return self._nodes

    @property
    def edges(self) -> Mapping[int, Edge]:
        """Edge id to edge."""
        self._ensure_folded()
        return self._edges

    @property
    def statistics(self) -> Statistics:
        """How large the graph is."""
        return Statistics(len(self.nodes), len(self.edges), len(self._sequences), len(self.thesaurus))

    def snapshot(self) -> Any:
        """What each document says, as a JSON value; holds for this thesaurus only."""
        return list(self._sequences.items())

    def concept_ids(self, text: str) -> list[int]:
        """The concepts of a text in order of occurrence, repeats included."""
        numbers = self._matcher.concept_ids
        return [numbers[term] for term, _, _ in self._matcher.spans(text.encode("utf-8", "surrogatepass"))]

    def query(self, text: str, *, offset: int = 0, limit: int | None = None) -> list[Hit]:
        """Documents on the edges of the text's concepts, best first, ties by id.

        A concept that the text names twice counts twice. ``offset`` below 0 counts as 0; a ``limit`` below 1
        finds nothing, None everything.
        """
        return _page(self._ranks(self.concept_ids(text)), offset, limit)

    def query_any(self, terms: Sequence[str], *, offset: int = 0, limit: int | None = None) -> list[Hit]:
        """Documents of at least one of the terms; their ranks are added up."""
        total: defaultdict[str, int] = defaultdict(int)
        for term in terms:
            for document_id, rank in self._ranks(self.concept_ids(term)).items():
                total[document_id] += rank
        return _page(total, offset, limit)

    def query_all(self, terms: Sequence[str], *, offset: int = 0, limit: int | None = None) -> list[Hit]:
        """Documents of every one of the terms; their ranks are added up. A term that is unknown has none."""
        ranks = [self._ranks(self.concept_ids(term)) for term in terms]
        everywhere = set[str].intersection(*(set(each) for each in ranks)) if ranks else set[str]()
        return _page({found: sum(each[found] for each in ranks) for found in everywhere}, offset, limit)

    def documents_for(self, term: str) -> list[str]:
        """Ids of the documents in which the term's concepts stand beside another, sorted."""
        return sorted(self._ranks(self.concept_ids(term)))

    def connectivity(self, text: str) -> Connectivity:
        """Whether one trail, no edge used twice, visits every concept of the text.

        One concept or none is connected. A concept that stands beside no other is connected to none.
        Raises SearchLimitExceeded where the exact answer needs more than the bound; see ``terraphim.trails``.
        """
        matches = find(text, self.thesaurus)
        terms = tuple(dict.fromkeys(match.term for match in matches))
        targets = tuple(dict.fromkeys(match.concept.id for match in matches))
        if len(targets) < 2:
            return Connectivity(True, targets, terms, targets)
        edges = [edge.concepts for edge in self.edges.values()]
        path = find_trail(edges, targets)
        return Connectivity(path is not None, targets, terms, tuple(path or ()))

    def _ranks(self, concepts: Iterable[int]) -> Mapping[str, int]:
        nodes, edges = self.nodes, self.edges
        total: defaultdict[str, int] = defaultdict(int)
        for concept in concepts:
            node = nodes.get(concept)
            if node is None:
                continue
            for number in node.edges:
                edge = edges[number]
                both = node.rank + edge.rank
                for document_id, rank in edge.documents.items():
                    total[document_id] += both + rank
        return total

    def _ensure_folded(self) -> None:
        if self._folded:
            return
        self._nodes, self._edges = {}, {}
        for document_id, concepts in self._sequences.items():
            self._fold(document_id, concepts)
        self._folded = True

    def _fold(self, document_id: str, concepts: Sequence[int]) -> None:
        for one, other in pairwise(concepts):
            number = magic_pair(one, other)
            edge = self._edges.get(number)
            if edge is None:
                edge = self._edges[number] = Edge(number, (one, other), documents={document_id: 1})
            else:
                # A document that comes to an edge which is there already begins with 2.
                edge.documents[document_id] = edge.documents.get(document_id, 1) + 1
            for concept in (one, other):
                node = self._nodes.get(concept)
                if node is None:
                    node = self._nodes[concept] = Node(concept)
                node.rank += 1
                node.edges[number] = None


def _page(ranks: Mapping[str, int], offset: int, limit: int | None) -> list[Hit]:
    best = sorted(ranks.items(), key=lambda item: (-item[1], item[0]))
    start = max(offset, 0)
    end = None if limit is None else start + max(limit, 0)
    return [Hit(document_id, rank) for document_id, rank in best[start:end]]


def _restored(snapshot: Any) -> dict[str, list[int]]:
    if snapshot is None:
        return {}
    return {
        str(document_id): concepts for document_id, concepts in cast("list[tuple[str, list[int]]]", snapshot)
    }
