"""A role's graph: which concepts stand beside which, and in what documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from terraphim.documents import Document
from terraphim.thesaurus import Thesaurus


@dataclass(frozen=True, slots=True)
class Node:
    """A concept that stands in a document.

    Parameters:
        id: the concept's number.
        rank: how often it took part in an edge.
        edges: the numbers of its edges, in order of creation.
    """

    id: int
    rank: int
    edges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
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
    rank: int
    documents: Mapping[str, int]


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
    raise NotImplementedError


def magic_unpair(z: int) -> tuple[int, int]:
    """The two numbers that ``magic_pair`` made ``z`` from."""
    raise NotImplementedError


class RoleGraph:
    """The graph of one role; ranks depend on the documents and their order of insertion only.

    Parameters:
        role: the role's name.
        thesaurus: its terms.
    """

    def __init__(self, role: str, thesaurus: Thesaurus) -> None:
        raise NotImplementedError

    def insert(self, document: Document) -> None:
        """Add a document, or put it in the place of the one with the same id."""
        raise NotImplementedError

    def remove(self, document_id: str) -> None:
        """Forget a document; nothing happens if it is unknown."""
        raise NotImplementedError

    @property
    def nodes(self) -> Mapping[int, Node]:
        """Concept id to node."""
        raise NotImplementedError

    @property
    def edges(self) -> Mapping[int, Edge]:
        """Edge id to edge."""
        raise NotImplementedError

    @property
    def statistics(self) -> Statistics:
        """How large the graph is."""
        raise NotImplementedError

    def concept_ids(self, text: str) -> list[int]:
        """The concepts of a text in order of occurrence, repeats included."""
        raise NotImplementedError

    def query(self, text: str, *, offset: int = 0, limit: int | None = None) -> list[Hit]:
        """Documents on the edges of the text's concepts, best first, ties by id."""
        raise NotImplementedError

    def query_any(self, terms: Sequence[str], *, offset: int = 0, limit: int | None = None) -> list[Hit]:
        """Documents of at least one of the terms."""
        raise NotImplementedError

    def query_all(self, terms: Sequence[str], *, offset: int = 0, limit: int | None = None) -> list[Hit]:
        """Documents of every one of the terms."""
        raise NotImplementedError

    def documents_for(self, term: str) -> list[str]:
        """Ids of the documents in which the term's concept stands, sorted."""
        raise NotImplementedError

    def connectivity(self, text: str) -> Connectivity:
        """Whether one trail, no edge used twice, visits every concept of the text.

        Raises SearchLimitExceeded where the exact answer needs more than the bound; see ``terraphim.trails``.
        """
        raise NotImplementedError
