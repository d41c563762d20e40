"""The graph of a role: ranks, changes, and whether terms are connected."""

from __future__ import annotations

import json

import pytest

from terraphim.documents import Document
from terraphim.rolegraph import Hit, RoleGraph
from terraphim.thesaurus import Concept, Thesaurus

pytestmark = pytest.mark.requirement("R49")

THESAURUS = Thesaurus(
    "t", {name: Concept(number, name) for number, name in enumerate(["aa", "bb", "cc", "dd", "ee"], start=1)}
)


def _graph(**bodies: str) -> RoleGraph:
    graph = RoleGraph("role", THESAURUS)
    for name, body in bodies.items():
        graph.insert(Document(name, "", "", body))
    return graph


def test_neighbours_in_a_document_are_an_edge() -> None:
    graph = _graph(x="aa bb aa aa", y="bb aa")
    assert {edge.concepts: dict(edge.documents) for edge in graph.edges.values()} == {
        (1, 2): {"x": 1},
        (2, 1): {"x": 1, "y": 2},
        (1, 1): {"x": 1},
    }
    assert {node.id: node.rank for node in graph.nodes.values()} == {1: 5, 2: 3}


def test_description_and_summary_count_and_an_equal_summary_does_not() -> None:
    document = Document("x", "", "aa", "bb", description="cc", summarization="cc")
    assert document.graph_text == "aa bb cc"
    assert Document("x", "", "aa", "bb", "cc", "dd").graph_text == "aa bb cc dd"


def test_equal_ranks_are_ordered_by_id_and_pages_are_cut() -> None:
    graph = _graph(z="aa bb", y="cc dd", x="cc dd")
    hits = graph.query("aa cc")
    assert [hit.document_id for hit in hits] == ["y", "x", "z"] or hits[0].rank > hits[-1].rank
    assert graph.query("aa cc", offset=1, limit=1) == hits[1:2]
    assert graph.query("aa cc", offset=-5, limit=2**70) == hits
    assert graph.query("aa", limit=0) == graph.query("aa", limit=-1) == graph.query("none") == []


def test_a_changed_document_leaves_what_a_fresh_graph_has() -> None:
    graph = _graph(x="aa bb", y="bb cc", z="cc dd")
    assert graph.query("bb")
    graph.insert(Document("y", "", "", "dd ee"))
    graph.remove("z")
    graph.remove("unknown")
    fresh = _graph(x="aa bb", y="dd ee")
    assert (dict(graph.nodes), dict(graph.edges)) == (dict(fresh.nodes), dict(fresh.edges))
    assert graph.statistics == fresh.statistics


def test_a_graph_comes_back_from_its_snapshot() -> None:
    graph = _graph(x="aa bb", y="bb cc")
    again = RoleGraph("role", THESAURUS, snapshot=json.loads(json.dumps(graph.snapshot())))
    assert again.query("bb") == graph.query("bb")


def test_documents_of_any_and_of_all_terms() -> None:
    graph = _graph(x="aa bb", y="bb cc", z="dd ee")
    assert [hit.document_id for hit in graph.query_any(["aa", "ee"])] == ["x", "z"]
    assert [hit.document_id for hit in graph.query_all(["aa", "bb"])] == ["x"]
    assert graph.query_all(["aa", "unknown"]) == graph.query_all([]) == graph.query_any([]) == []
    assert graph.query_any(["aa"]) == [Hit("x", graph.query("aa")[0].rank)]
    assert graph.documents_for("bb") == ["x", "y"]


def test_terms_on_a_trail_are_connected_and_the_trail_is_told() -> None:
    graph = _graph(x="aa bb cc", y="cc dd")
    answer = graph.connectivity("DD and AA, dd again")
    assert answer.connected
    assert answer.terms == ("dd", "aa")
    assert answer.concept_ids == (4, 1)
    assert answer.path in {(4, 3, 2, 1), (1, 2, 3, 4)}


def test_terms_on_three_ends_are_not_connected() -> None:
    graph = _graph(x="aa bb", y="aa cc", z="aa dd")
    assert not graph.connectivity("bb cc dd").connected
    assert graph.connectivity("bb cc").path in {(2, 1, 3), (3, 1, 2)}


def test_a_term_beside_no_other_is_connected_to_none() -> None:
    graph = _graph(x="aa bb", y="cc")
    assert not graph.connectivity("aa cc").connected
    assert not _graph().connectivity("aa bb").connected


def test_one_term_or_none_is_connected() -> None:
    assert _graph().connectivity("aa").connected
    assert _graph().connectivity("nothing").connected


def test_a_cycle_is_no_trouble() -> None:
    graph = _graph(x="aa bb cc dd ee aa")
    answer = graph.connectivity("aa bb cc dd ee")
    assert answer.connected
    assert len(answer.path) == 5
