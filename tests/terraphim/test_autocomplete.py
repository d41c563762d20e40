"""Completion and correction of terms, and the index as bytes."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import JaroWinkler

from terraphim import envelope, jaro_winkler
from terraphim.autocomplete import AutocompleteIndex
from terraphim.errors import IndexInvalid
from terraphim.thesaurus import Concept, Thesaurus

pytestmark = pytest.mark.requirement("R49")


def _index(*terms: tuple[str, int]) -> AutocompleteIndex:
    thesaurus = Thesaurus(
        "t", {term: Concept(number, f"c{number}", f"https://{number}") for term, number in terms}
    )
    return AutocompleteIndex.build(thesaurus)


INDEX = _index(("Rust", 1), ("rustacean", 2), ("ferris", 2), ("crab", 1), ("python", 3), ("", 4), (" ", 4))


def _terms(found: list[Any]) -> list[str]:
    return [hit.term for hit in found]


def test_terms_are_kept_in_lower_case_and_blank_ones_are_counted_but_never_suggested() -> None:
    assert len(INDEX) == 7
    assert _terms(INDEX.prefix("RU")) == ["rust", "rustacean"]
    assert INDEX.prefix(" ") == []
    assert _terms(INDEX.levenshtein("xyz", 5, 50)) == ["crab", "rust", "python"]


def test_similar_terms_come_behind_prefix_hits_and_never_twice() -> None:
    assert _terms(INDEX.terms("rust")) == ["rust", "rustacean", "crab", "ferris"]
    assert _terms(INDEX.terms("rust", 3)) == ["rust", "rustacean", "crab"]
    assert _terms(INDEX.terms("rusd"))[:2] == ["rust", "rustacean"]


def test_equal_scores_are_ordered_by_length_and_letter() -> None:
    index = _index(("zab", 1), ("yab", 2), ("xabcd", 3), ("wab", 4))
    assert _terms(index.levenshtein("ab", 1)) == ["wab", "yab", "zab"]


@pytest.mark.parametrize("limit", [0, -1, -(2**70)])
def test_a_limit_below_one_finds_nothing(limit: int) -> None:
    assert INDEX.prefix("r", limit) == INDEX.jaro_winkler("rust", 0.5, limit) == []
    assert INDEX.levenshtein("rust", 9, limit) == INDEX.terms("rust", limit) == []


def test_a_huge_limit_a_huge_distance_and_a_huge_query_are_answered() -> None:
    assert len(INDEX.levenshtein("x", 2**70, 2**70)) == 5
    assert INDEX.terms("a" * 1_000_000) == INDEX.levenshtein("a" * 1_000_000, 2**70) == []


def test_an_empty_index_finds_nothing() -> None:
    index = _index()
    assert index.terms("a") == index.levenshtein("a") == []
    assert len(AutocompleteIndex.deserialize(index.serialize())) == 0


def test_an_index_comes_back_from_its_bytes() -> None:
    again = AutocompleteIndex.deserialize(INDEX.serialize())
    assert again.name == "t"
    assert again.terms("rust") == INDEX.terms("rust")


@given(st.binary(max_size=200))
def test_bytes_that_are_no_index_are_refused(data: bytes) -> None:
    with pytest.raises(IndexInvalid):
        AutocompleteIndex.deserialize(data)


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    content = bytearray(INDEX.serialize())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(IndexInvalid):
        AutocompleteIndex.deserialize(bytes(content))


@pytest.mark.parametrize("cut", [1, 10, 30, 60])
def test_a_cut_index_is_refused(cut: int) -> None:
    with pytest.raises(IndexInvalid):
        AutocompleteIndex.deserialize(INDEX.serialize()[:-cut])


def test_an_index_of_another_version_or_kind_is_refused() -> None:
    for kind, version in (("autocomplete-index", 2), ("store", 1)):
        with pytest.raises(IndexInvalid, match="is wanted"):
            AutocompleteIndex.deserialize(envelope.seal(kind, version, {}, compress=True))


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"name": 1, "terms": [], "concepts": [], "concept_of_term": []},
        {"name": "n", "terms": ["a"], "concepts": [], "concept_of_term": []},
        {"name": "n", "terms": ["a"], "concepts": [], "concept_of_term": [0]},
        {"name": "n", "terms": [1], "concepts": [[1, "a", None]], "concept_of_term": [0]},
        {"name": "n", "terms": ["a"], "concepts": [[1, "a", None]], "concept_of_term": [-1]},
        {"name": "n", "terms": ["a"], "concepts": [[1, "a", None]], "concept_of_term": [True]},
        {"name": "n", "terms": ["a"], "concepts": [[True, "a", None]], "concept_of_term": [0]},
        {"name": "n", "terms": ["a"], "concepts": ["a"], "concept_of_term": [0]},
    ],
)
def test_a_layout_that_is_not_the_versions_is_refused(value: Any) -> None:
    with pytest.raises(IndexInvalid):
        AutocompleteIndex.deserialize(envelope.seal("autocomplete-index", 1, value, compress=True))


def test_what_unfolds_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "MAX_CONTENT_BYTES", 1000)
    bomb = envelope.seal("autocomplete-index", 1, "a" * 5000, compress=True)
    assert len(bomb) < 200
    with pytest.raises(IndexInvalid, match="unfolds"):
        AutocompleteIndex.deserialize(bomb)


def test_content_that_is_no_json_is_refused() -> None:
    sealed = envelope.seal("autocomplete-index", 1, {}, compress=False)
    content = sealed[21:-2] + b"{]"
    header = sealed[:5] + envelope.blake2b(content, digest_size=16).digest()
    with pytest.raises(IndexInvalid):
        AutocompleteIndex.deserialize(header + content)
    with pytest.raises(IndexInvalid, match="damaged"):
        AutocompleteIndex.deserialize(sealed[:4] + b"\1" + sealed[5:21] + zlib.compress(b"x")[:-1] + b"\0")


@given(st.text("abcd", max_size=9), st.text("abcd", max_size=9))
def test_a_similarity_is_the_librarys_but_for_rounding(first: str, second: str) -> None:
    library = JaroWinkler.similarity(first, second)
    assert abs(jaro_winkler.similarity(first, second) - library) < 1e-9
