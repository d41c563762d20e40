"""Every recorded case that the library can answer without a server.

The cases of the seventeen tools are asked again through the server, in ``test_cases_over_mcp.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.shared_data import shared_data

from terraphim.autocomplete import AutocompleteIndex
from terraphim.builder import KnowledgeGraphFolder
from terraphim.documents import Document
from terraphim.errors import ThesaurusInvalid
from terraphim.matching import LinkType, find, paragraphs, replace
from terraphim.ranking import Parameters, scores
from terraphim.rolegraph import RoleGraph, magic_pair, magic_unpair
from terraphim.thesaurus import Thesaurus

pytestmark = pytest.mark.requirement("R49", "R50")

LISTED = {
    "c0201": "sentences: upstream splits texts so for a use that none of the tools has",
    "c0212": "of upstream's values before and after, those before are compared; those after depend on the "
    "order in which files were found, and the text of the added file is not recorded",
    "c0213": "asks about the graph behind c0212, whose added file is not recorded",
    "c0223": "Jaccard: no relevance function that a role can name",
    "c0224": "query ratio: no relevance function that a role can name",
    "c0245": "logical operators: no parameter of `search` leads to them",
    "c0247": "logical operators: no parameter of `search` leads to them",
}
"""Cases of the library's part that are not compared, or not wholly, with the reason."""

ELSEWHERE = {
    "codegen": "the code generator of the plan's branch; ours is tests/codegen",
    "config": "tests/terraphim/test_config.py",
    "haystack": "tests/terraphim/test_haystack.py",
    "prompts": "the agent of the plan's branch",
    "vm": "the code runner of the plan's branch; ours is tests/sandbox",
}
"""Cases of other parts, by the first word of their tool."""

_ROOT = Path(__file__).parents[3] / "shared" / "data" / "terraphim"
_TREE = "terraphim-ai@bcf33a298-plan-branch"


def _cases(name: str) -> list[dict[str, Any]]:
    path = _ROOT / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


REFERENCE = _cases("cases-reference.jsonl")
UPSTREAM = _cases("cases-upstream.jsonl")


def _file(name: str) -> Path:
    for tree in (_TREE, "terraphim-ai@bm25-branch"):
        if (_ROOT / tree / name).exists():
            return _ROOT / tree / name
    return shared_data("terraphim", _TREE, name)


@cache
def _thesaurus_of_file(name: str) -> Thesaurus:
    return Thesaurus.from_json(_file(name).read_bytes())


def _thesaurus(context: Mapping[str, Any]) -> Thesaurus:
    if "thesaurus_file" in context:
        return _thesaurus_of_file(context["thesaurus_file"])
    return Thesaurus.from_json(context["thesaurus"])


@cache
def _index(name: str) -> AutocompleteIndex:
    return AutocompleteIndex.build(_thesaurus_of_file(name))


def _text(arguments: Mapping[str, Any]) -> str:
    return arguments["text"] if "text" in arguments else _file(arguments["text_file"]).read_bytes().decode()


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in REFERENCE])
def test_what_the_original_binding_answered(case: dict[str, Any]) -> None:
    CHECKS[case["tool"]](case["arguments"], case["expected"], case["context"])


def _check_find(
    arguments: Mapping[str, Any], expected: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    found = find(_text(arguments), _thesaurus(context))
    rows = [[m.term, m.concept.value, m.concept.id, [m.start, m.end]] for m in found]
    assert rows == expected["matches"]
    assert len(rows) == expected.get("count", len(rows))


def _check_replace(
    arguments: Mapping[str, Any], expected: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    replaced = replace(_text(arguments), _thesaurus(context), LinkType.parse(arguments["link_type"]))
    if "text" in expected:
        assert replaced == expected["text"]
    else:
        assert len(replaced) == expected["length_chars"]
        assert sha256(replaced.encode()).hexdigest() == expected["sha256"]


def _check_paragraphs(
    arguments: Mapping[str, Any], expected: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    found = paragraphs(_text(arguments), _thesaurus(context), include_term=arguments["include_term"])
    if "paragraphs" in expected:
        assert [[paragraph.term, paragraph.text] for paragraph in found] == expected["paragraphs"]
        return
    assert len(found) == expected["count"]
    assert [paragraph.term for paragraph in found] == expected.get("terms", [p.term for p in found])
    joined = "\0".join(paragraph.text for paragraph in found)
    assert sha256(joined.encode()).hexdigest() == expected["sha256_of_paragraphs_joined_by_NUL"]


def _check_prefix(
    arguments: Mapping[str, Any], expected: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    found = _index(context["thesaurus_file"]).prefix(arguments["query"], arguments["limit"])
    wanted = [[row] if isinstance(row, str) else row for row in expected["prefix_results"]]
    assert len(found) == len(wanted)
    for hit, row in zip(found, wanted, strict=True):
        assert [hit.term, hit.normalized_term, hit.id][: len(row)] == row
    assert {hit.score for hit in found} <= {1.0}


def _check_similar(
    arguments: Mapping[str, Any], expected: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    index = _index(context["thesaurus_file"])
    if "similarity" in arguments:
        found = index.jaro_winkler(arguments["query"], arguments["similarity"], arguments["limit"])
    else:
        found = index.levenshtein(arguments["query"], arguments["max_edit_distance"], arguments["limit"])
    # Where the limit cuts through equal scores, the original's choice among them is arbitrary.
    least = (
        min((score for _, score in expected["set"]), default=0.0) if _is_cut(arguments, expected) else -1.0
    )
    wanted = {(term, round(score, 6)) for term, score in expected["set"] if score > least}
    assert {(hit.term, round(hit.score, 6)) for hit in found if hit.score > least + 1e-6} == wanted
    assert len(found) == len(expected["set"])


def _is_cut(arguments: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return len(expected["set"]) == arguments["limit"]


def _check_load(
    arguments: Mapping[str, Any], expected: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    assert context == {}
    if "error" in expected:
        with pytest.raises(ThesaurusInvalid) as refused:
            Thesaurus.from_json(arguments["json_str"])
        # The same words as far as they say what is wrong; the place is a path, not a column.
        assert expected["error"].partition(": ")[2].partition(" at line")[0] in refused.value.message
        return
    loaded = Thesaurus.from_json(arguments["json_str"])
    assert [loaded.name, len(loaded)] == expected["name_terms"]


def _check_round_trip(
    arguments: Mapping[str, Any], expected: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    assert arguments == {}
    index = _index(context["thesaurus_file"])
    again = AutocompleteIndex.deserialize(index.serialize())
    assert len(again) == expected["roundtrip_terms"]
    assert again.prefix("s", 50) == index.prefix("s", 50)


def _check_build(
    arguments: Mapping[str, Any], expected: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    assert arguments == {}
    index = _index(context["thesaurus_file"])
    assert (index.name.lower(), len(index)) == (expected["index_name"].lower(), expected["terms"])


Check = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], None]
CHECKS: dict[str, Check] = {
    "find_matches": _check_find,
    "replace_matches": _check_replace,
    "extract_paragraphs_from_automata": _check_paragraphs,
    "autocomplete_terms": _check_prefix,
    "fuzzy_autocomplete_search": _check_similar,
    "fuzzy_autocomplete_search_levenshtein": _check_similar,
    "load_thesaurus_from_json": _check_load,
    "serialize_autocomplete_index": _check_round_trip,
    "build_autocomplete_index": _check_build,
}


def _document(number: int, entry: Any) -> Document:
    if isinstance(entry, str):
        return Document(id=str(number), url="", title="", body=entry)
    return Document(
        id=entry.get("id", str(number)),
        url="",
        title=entry.get("title", ""),
        body=entry.get("body", ""),
        description=entry.get("description"),
        tags=tuple(entry.get("tags") or ()),
    )


def _documents(context: Mapping[str, Any]) -> list[Document]:
    entries: list[Any] = context.get("documents", [])
    if "documents_file" in context:
        entries = json.loads(_file(context["documents_file"]).read_text())["documents"]
    return [_document(number, entry) for number, entry in enumerate(entries)]


TRIED: set[str] = set()


def _of(*tools: str) -> list[Any]:
    TRIED.update(tools)
    chosen = [case for case in UPSTREAM if case["tool"] in tools and case["id"] not in LISTED]
    return [pytest.param(case, id=case["id"]) for case in chosen]


@pytest.mark.parametrize("case", _of("search.score", "search.rank"))
def test_what_upstream_scores(case: dict[str, Any]) -> None:
    arguments, expected = case["arguments"], case["expected"]
    documents = _documents(case["context"])
    given = {key: arguments[key] for key in ("k1", "b", "delta") if key in arguments}
    parameters = Parameters(**given, **arguments.get("weights", {}))
    found = scores(documents, arguments["query"], arguments["scorer"], parameters)
    by_id = dict(zip((document.id for document in documents), found, strict=True))
    for pair in filter(None, expected.get("order", "").split(", ")):
        better, worse = pair.split(" > ")
        assert by_id[better] > by_id[worse]
    assert all(by_id[name] > 0 for name in expected.get("gt_0", ()))
    assert all(score >= expected.get("all_ge", 0) for score in found)
    assert all(score == expected.get("all_eq", score) for score in found)
    if "equal_to_query" in expected:
        other = scores(documents, expected["equal_to_query"], arguments["scorer"], parameters)
        assert found == pytest.approx(other)  # pyright: ignore[reportUnknownMemberType]
    order = sorted(by_id, key=lambda name: -by_id[name])
    wanted = expected.get("ranking", expected.get("top", []))
    assert order[: len(wanted)] == wanted
    for name, score in zip(wanted, expected.get("computed_scores", ()), strict=False):
        assert abs(by_id[name] - score) < 1e-4


@pytest.mark.parametrize("case", _of("search.count_term"))
def test_what_upstream_counts(case: dict[str, Any]) -> None:
    words = case["arguments"]["text"].lower().split()
    assert [words.count(word) for word in case["arguments"]["term"].split("|")] == case["expected"]["counts"]


def _folder(tmp_path: Path, context: Mapping[str, Any]) -> KnowledgeGraphFolder:
    if "kg_dir" in context:
        return KnowledgeGraphFolder(_file(context["kg_dir"]))
    for name, text in context["kg"].items():
        (tmp_path / name).write_text(text)
    return KnowledgeGraphFolder(tmp_path)


@pytest.mark.parametrize("case", _of("kg.build"))
def test_what_upstream_builds(case: dict[str, Any], tmp_path: Path) -> None:
    expected = case["expected"]
    terms = _folder(tmp_path, case["context"]).thesaurus.terms
    names = {term: concept.value for term, concept in terms.items()}
    assert len(terms) == expected["terms"]
    assert names == expected.get("map", names)
    if "map_file" in expected:
        recorded = _thesaurus_of_file(expected["map_file"].split(" (")[0])
        assert names == {term: concept.value for term, concept in recorded.terms.items()}
    for term, number in {**expected.get("ids", {}), **expected.get("id_of", {})}.items():
        assert terms[term].id == number


@pytest.mark.parametrize("case", _of("rolegraph.query"))
def test_what_upstream_finds_in_a_graph(case: dict[str, Any], tmp_path: Path) -> None:
    arguments, expected, context = case["arguments"], case["expected"], case["context"]
    thesaurus = _folder(tmp_path, context).thesaurus if "kg" in context else _thesaurus(context)
    graph = RoleGraph("role", thesaurus)
    for document in _documents(context):
        text = context.get("kg", {}).get(document.body.strip("<>"), document.body)
        graph.insert(
            Document(document.id, document.url, document.title, text, description=document.description)
        )
    hits = graph.query(arguments["query"], offset=arguments.get("offset", 0), limit=arguments.get("limit"))
    found = [[hit.document_id, hit.rank] for hit in hits]
    if "results" in expected:
        assert found == expected["results"]
    if isinstance(expected.get("count"), int):
        assert len(hits) == expected["count"]
    elif "count" in expected:
        assert len(hits) == len(graph.query(arguments["query"])) - 1
    assert len(hits) <= expected.get("count_le", len(hits))
    assert bool(hits) or not expected.get("non_empty")
    assert all(hit.rank > expected.get("every_rank_gt", 0) for hit in hits)


@pytest.mark.parametrize(
    "case",
    _of(
        "rolegraph.stats",
        "rolegraph.query_or",
        "rolegraph.find_matching_node_ids",
        "rolegraph.find_document_ids_for_term",
    ),
)
def test_what_upstream_knows_of_a_graph(case: dict[str, Any]) -> None:
    arguments, expected, context = case["arguments"], case["expected"], case["context"]
    graph = RoleGraph("role", _thesaurus(context))
    for document in _documents(context):
        graph.insert(document)
    match case["tool"]:
        case "rolegraph.stats":
            statistics = graph.statistics
            for key, value in expected.items():
                if key.endswith("_gt"):
                    assert getattr(statistics, key.removesuffix("_gt")) > value
                else:
                    assert getattr(statistics, key) == value
        case "rolegraph.query_or":
            assert len(graph.query_any(arguments["terms"])) > expected["count_gt"]
        case "rolegraph.find_matching_node_ids":
            assert len(graph.concept_ids(arguments["text"])) >= expected["count_ge"]
        case _:
            assert set(graph.documents_for(arguments["term"])) >= set(expected["include"])


@pytest.mark.parametrize("case", _of("rolegraph.magic_pair"))
def test_a_pair_of_numbers_comes_back(case: dict[str, Any]) -> None:
    assert case["expected"] == {"roundtrip": True}
    for x in range(9):
        for y in range(9):
            assert magic_unpair(magic_pair(x, y)) == (x, y)


def test_the_ranks_before_upstreams_expansion(tmp_path: Path) -> None:
    case = next((case for case in UPSTREAM if case["id"] == "c0212"), None)
    if case is None:
        pytest.skip("no shared data")
    graph = RoleGraph("role", _folder(tmp_path, case["context"]).thesaurus)
    for name, text in case["context"]["kg"].items():
        graph.insert(Document(name.removesuffix(".md"), "", name.removesuffix(".md"), text))
    before = case["expected"]["before"]
    statistics = graph.statistics
    assert statistics.thesaurus_size == before["terms"]
    assert (statistics.node_count, statistics.edge_count) == (before["nodes"], before["edges"])
    assert graph.query(case["arguments"]["query"])[0].rank == before["top_rank"]


def test_no_case_is_forgotten() -> None:
    """Each case is tried here, is of another part, is asked through the server, or is listed."""
    for case in UPSTREAM:
        part, dot, _ = case["tool"].partition(".")
        assert not dot or part in ELSEWHERE or case["tool"] in TRIED or case["id"] in LISTED, case["id"]
    assert {case["tool"] for case in REFERENCE} <= CHECKS.keys()
    if UPSTREAM:
        assert LISTED.keys() <= {case["id"] for case in UPSTREAM}
