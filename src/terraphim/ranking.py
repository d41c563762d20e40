"""Order documents by how well they answer a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from terraphim.documents import Document
from terraphim.errors import IndexInvalid
from terraphim.postings import Parameters, Postings, words_of
from terraphim.rolegraph import RoleGraph

__all__ = ["DocumentIndex", "Parameters", "Ranked", "Relevance", "scores"]

# How much a word's rarity adds to a graph's rank.
_TFIDF_SHARE = 0.3
_DEFAULTS = Parameters()


class Relevance(StrEnum):
    """How documents are ranked; the names are the configuration's."""

    TERRAPHIM_GRAPH = "terraphim-graph"
    TITLE_SCORER = "title-scorer"
    BM25 = "bm25"
    BM25F = "bm25f"
    BM25PLUS = "bm25plus"


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
        self._postings = Postings()
        self._numbers: dict[str, int] = {}
        self._documents: dict[int, Document] = {}
        for document in documents:
            self.put(document)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._documents.values())

    def get(self, document_id: str) -> Document | None:
        """The document with that id."""
        number = self._numbers.get(document_id)
        return None if number is None else self._documents[number]

    def put(self, document: Document) -> None:
        """Add a document, or put it in the place of the one with the same id."""
        self.remove(document.id)
        number = self._postings.add(document)
        self._numbers[document.id] = number
        self._documents[number] = document

    def remove(self, document_id: str) -> None:
        """Forget a document; nothing happens if it is unknown."""
        number = self._numbers.pop(document_id, None)
        if number is None:
            return
        self._postings.remove(number, self._documents.pop(number))
        if self._postings.gaps > len(self) + 100:
            self._renumber()

    def snapshot(self) -> Any:
        """The documents and their postings, as a JSON value."""
        documents = [[number, *_row(document)] for number, document in self._documents.items()]
        return {"documents": documents, "postings": self._postings.snapshot()}

    @classmethod
    def restore(cls, value: Any) -> DocumentIndex:
        """Open what ``snapshot`` returned. Raises IndexInvalid."""
        index = cls()
        try:
            for number, *row in value["documents"]:
                document = Document(*row[:-1], tags=tuple(row[-1]))
                index._documents[number] = document
                index._numbers[document.id] = number
            index._postings = Postings.restore(value["postings"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise IndexInvalid("The documents cannot be read.", hint="Build the index again.") from error
        if len(index._postings) != len(index._documents):
            raise IndexInvalid("The documents do not fit their postings.", hint="Build the index again.")
        return index

    def search(
        self,
        query: str,
        relevance: Relevance = Relevance.TITLE_SCORER,
        *,
        graph: RoleGraph | None = None,
        limit: int | None = None,
        skip: int = 0,
        parameters: Parameters = _DEFAULTS,
    ) -> list[Ranked]:
        """The documents that answer the query, best first, ties by id.

        A document answers if one of the query's words stands in its title, body, description or tags, also
        inside a word; for ``TERRAPHIM_GRAPH``, if it is on an edge of one of the query's concepts.

        Parameters:
            relevance: the ranking; ``TERRAPHIM_GRAPH`` needs ``graph``, the role's graph of these documents.
            limit: the most documents to return; all by default, none below 1.
            skip: how many of the best to leave out; below 0 counts as 0.
        """
        words = words_of(query)
        if relevance is Relevance.TERRAPHIM_GRAPH:
            ranks = self._graph_ranks(query, words, graph)
            weights: Mapping[int, float] = ranks
        else:
            found = self._postings.containing(words)
            weights = self._weights(words, relevance, found, parameters)
            ranks = None
        order = sorted(weights, key=lambda number: (-weights[number], self._documents[number].id))
        start = max(skip, 0)
        end = len(order) if limit is None else start + max(limit, 0)
        total = len(order)
        best = ranks[order[0]] if ranks and order else total
        return [
            Ranked(
                self._documents[number],
                rank := ranks[number] if ranks else total - place,
                rank / best,
                weight,
            )
            for place, number in enumerate(order[start:end], start=start)
            for weight in (weights[number],)
        ]

    def _weights(
        self, words: Sequence[str], relevance: Relevance, found: set[int], parameters: Parameters
    ) -> dict[int, float]:
        everywhere = 0.0
        match relevance:
            case Relevance.BM25:
                exact = self._postings.bm25(words, parameters)
            case Relevance.BM25F:
                exact = self._postings.bm25f(words, parameters)
            case Relevance.BM25PLUS:
                exact, everywhere = self._postings.bm25plus(words, parameters)
            case _:
                wanted = set(words)
                return {number: self._title_weight(number, wanted) for number in found}
        return {number: exact.get(number, 0.0) + everywhere for number in found}

    def _title_weight(self, number: int, words: set[str]) -> float:
        """The share of the query's words that stand in the title."""
        title = self._documents[number].title.lower()
        return sum(word in title for word in words) / len(words)

    def _graph_ranks(self, query: str, words: Sequence[str], graph: RoleGraph | None) -> dict[int, int]:
        if graph is None:
            raise ValueError("terraphim-graph needs the role's graph")
        rarity = self._postings.tfidf(words)
        ranks: dict[int, int] = {}
        for hit in graph.query(query):
            number = self._numbers.get(hit.document_id)
            if number is not None:
                ranks[number] = hit.rank + int(_TFIDF_SHARE * rarity.get(number, 0.0))
        return ranks

    def _renumber(self) -> None:
        documents = list(self._documents.values())
        self._postings, self._numbers, self._documents = Postings(), {}, {}
        for document in documents:
            self.put(document)


def _row(document: Document) -> list[Any]:
    d = document
    return [d.id, d.url, d.title, d.body, d.description, d.summarization, d.stub, d.tags]


def scores(
    documents: Iterable[Document], query: str, scorer: str, parameters: Parameters = _DEFAULTS
) -> list[float]:
    """The score of each document, in order: by ``bm25``, ``bm25f``, ``bm25plus`` or ``tfidf``.

    Raises KeyError for another scorer.
    """
    postings = Postings()
    for document in documents:
        postings.add(document)
    words = words_of(query)
    everywhere = 0.0
    if scorer == "bm25plus":
        exact, everywhere = postings.bm25plus(words, parameters)
    elif scorer == "tfidf":
        exact = postings.tfidf(words)
    else:
        score = {"bm25": postings.bm25, "bm25f": postings.bm25f}[scorer]
        exact = score(words, parameters)
    return [exact.get(number, 0.0) + everywhere for number in range(len(postings))]
