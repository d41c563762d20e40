"""Order documents by how well they answer a query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from terraphim.documents import Document
from terraphim.rolegraph import RoleGraph


class Relevance(StrEnum):
    """How documents are ranked; the names are the configuration's."""

    TERRAPHIM_GRAPH = "terraphim-graph"
    TITLE_SCORER = "title-scorer"
    BM25 = "bm25"
    BM25F = "bm25f"
    BM25PLUS = "bm25plus"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The constants of the BM25 family.

    Parameters:
        k1: how soon repeats of a word stop to count.
        b: how much a long document is marked down, 0 to 1.
        delta: what BM25Plus adds for each word.
        title, body, description, tags: the weights of BM25F's fields.
    """

    k1: float = 1.2
    b: float = 0.75
    delta: float = 1.0
    title: float = 3.0
    body: float = 1.0
    description: float = 2.0
    tags: float = 2.5


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document and its place.

    Parameters:
        document: the document.
        rank: a whole number, higher is better: the graph's rank, or else documents ranked below it plus one.
        score: rank over the best rank, 0 to 1.
        weight: the figure that ordered it: the scorer's, or the rank again for a graph.
    """

    document: Document
    rank: int
    score: float
    weight: float


class DocumentIndex:
    """Documents in memory, searchable at once; one document changes without the others.

    Parameters:
        documents: what to begin with.
    """

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def get(self, document_id: str) -> Document | None:
        """The document with that id."""
        raise NotImplementedError

    def put(self, document: Document) -> None:
        """Add a document, or put it in the place of the one with the same id."""
        raise NotImplementedError

    def remove(self, document_id: str) -> None:
        """Forget a document; nothing happens if it is unknown."""
        raise NotImplementedError

    def search(
        self,
        query: str,
        relevance: Relevance = Relevance.TITLE_SCORER,
        *,
        graph: RoleGraph | None = None,
        limit: int | None = None,
        skip: int = 0,
        parameters: Parameters | None = None,
    ) -> list[Ranked]:
        """The documents that answer the query, best first, ties by id.

        Parameters:
            relevance: the ranking; ``TERRAPHIM_GRAPH`` needs ``graph``, the role's graph over the same documents.
            limit: the most documents to return; all by default, none below 1.
            skip: how many of the best to leave out; below 0 counts as 0.
        """
        raise NotImplementedError


def scores(
    documents: Iterable[Document], query: str, scorer: str, parameters: Parameters | None = None
) -> list[float]:
    """Each document's score, in order: ``bm25``, ``bm25f``, ``bm25plus``, ``tfidf``, ``jaccard``, ``queryratio``."""
    raise NotImplementedError
