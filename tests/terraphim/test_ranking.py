"""Documents in the order of a query, and the index that changes with them."""

from __future__ import annotations

import pytest

from terraphim.documents import Document
from terraphim.ranking import DocumentIndex, Relevance
from terraphim.rolegraph import RoleGraph
from terraphim.thesaurus import Concept, Thesaurus

pytestmark = pytest.mark.requirement("R49")

DOCUMENTS = [
    Document("c", "", "Go", "go is a language", tags=("systems", "compiled language")),
    Document("b", "", "Rust", "Rust, the language", description="a crab"),
    Document("a", "", "Notes", "trusted rust notes rust"),
]


def _ids(index: DocumentIndex, query: str, relevance: Relevance) -> list[str]:
    return [ranked.document.id for ranked in index.search(query, relevance)]


def test_a_word_is_found_inside_words_and_in_every_field() -> None:
    index = DocumentIndex(DOCUMENTS)
    assert set(_ids(index, "RUST", Relevance.BM25)) == {"a", "b"}
    assert _ids(index, "crab", Relevance.BM25F) == ["b"]
    assert _ids(index, "compiled", Relevance.BM25PLUS) == ["c"]
    assert _ids(index, "none", Relevance.BM25) == _ids(index, "", Relevance.BM25) == []


def test_a_title_that_has_the_words_comes_first_and_ties_are_ordered_by_id() -> None:
    index = DocumentIndex(DOCUMENTS)
    assert _ids(index, "rust", Relevance.TITLE_SCORER) == ["b", "a"]
    assert _ids(index, "language", Relevance.TITLE_SCORER) == ["b", "c"]


def test_rank_counts_down_and_score_is_its_share_of_the_best() -> None:
    found = DocumentIndex(DOCUMENTS).search("language rust", Relevance.BM25)
    assert [ranked.rank for ranked in found] == [3, 2, 1]
    assert [round(ranked.score, 3) for ranked in found] == [1.0, 0.667, 0.333]
    assert found[0].weight > found[1].weight >= found[2].weight


def test_pages_are_cut_and_keep_their_ranks() -> None:
    index = DocumentIndex(DOCUMENTS)
    whole = index.search("language rust", Relevance.BM25)
    assert index.search("language rust", Relevance.BM25, skip=1, limit=1) == whole[1:2]
    assert index.search("language rust", Relevance.BM25, skip=-3, limit=2**70) == whole
    assert (
        index.search("rust", limit=0) == index.search("rust", limit=-4) == index.search("rust", skip=9) == []
    )


@pytest.mark.parametrize("relevance", [r for r in Relevance if r is not Relevance.TERRAPHIM_GRAPH])
def test_a_changed_document_leaves_what_a_fresh_index_has(relevance: Relevance) -> None:
    index = DocumentIndex(DOCUMENTS)
    for number in range(300):
        index.put(Document("c", "", "Go", f"go {number} rust language"))
    index.remove("b")
    index.remove("unknown")
    fresh = DocumentIndex([DOCUMENTS[2], Document("c", "", "Go", "go 299 rust language")])
    assert len(index) == len(fresh) == 2
    assert index.get("b") is None
    for query in ("rust", "language", "go notes", "12", "crab"):
        assert index.search(query, relevance) == fresh.search(query, relevance)


def test_a_graphs_rank_gains_by_rare_words() -> None:
    thesaurus = Thesaurus("t", {"rust": Concept(1, "rust"), "crab": Concept(2, "crab")})
    documents = [
        Document("few", "", "", "rust crab"),
        Document("many", "", "", "rust crab " + "rare " * 20),
        *(Document(f"other{number}", "", "", "nothing") for number in range(20)),
    ]
    graph = RoleGraph("role", thesaurus)
    for document in documents:
        graph.insert(document)
    index = DocumentIndex(documents)
    by_graph = {hit.document_id: hit.rank for hit in graph.query("rust rare")}
    found = index.search("rust rare", Relevance.TERRAPHIM_GRAPH, graph=graph)
    assert [ranked.document.id for ranked in found] == ["many", "few"]
    assert found[0].rank > by_graph["many"]
    assert found[0].score == 1.0
    assert found[1].score == found[1].rank / found[0].rank
    index.remove("many")
    assert len(index.search("rust", Relevance.TERRAPHIM_GRAPH, graph=graph)) == 1
    assert index.search("unknown", Relevance.TERRAPHIM_GRAPH, graph=graph) == []


def test_a_graphs_ranking_needs_the_graph() -> None:
    with pytest.raises(ValueError, match="graph"):
        DocumentIndex(DOCUMENTS).search("rust", Relevance.TERRAPHIM_GRAPH)


def test_an_empty_index_finds_nothing() -> None:
    assert all(DocumentIndex().search("a", each) == [] for each in Relevance if each != "terraphim-graph")
