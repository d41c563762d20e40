"""Random thesauri and texts, asked of ours and of the original's published binding."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from terraphim_automata import (
    AutocompleteIndex as OriginalIndex,
)
from terraphim_automata import (
    build_index,
    extract_paragraphs,
    find_all_matches,
    replace_with_links,
)

from terraphim.autocomplete import AutocompleteIndex, Suggestion
from terraphim.matching import LinkType, find, paragraphs, replace
from terraphim.thesaurus import Concept, Thesaurus

pytestmark = pytest.mark.requirement("R49")

# Few letters, so that terms overlap, nest and adjoin; some of two, three and four bytes, some that fold.
LETTERS = "abAB é\u00df\u0130\u212a語🦀.\n\r"
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
TEXTS = st.one_of(st.text(LETTERS, max_size=80), ANY_TEXT)
TERMS = st.one_of(st.text(LETTERS, max_size=6), st.text("ab", max_size=4), st.text(max_size=4))


@st.composite
def thesauri(draw: st.DrawFn) -> Thesaurus:
    """Terms that differ in more than case: among others the original chooses by chance."""
    terms = draw(st.lists(TERMS, max_size=12, unique_by=lambda term: term.lower()))
    names = draw(st.lists(st.text("xyzé", min_size=1, max_size=4), min_size=1, max_size=4))
    url = st.one_of(st.none(), st.just("https://example.com/a"))
    return Thesaurus(
        "t",
        {
            term: Concept(number % len(names), names[number % len(names)], draw(url))
            for number, term in enumerate(terms)
            if not any(surrogate in term for surrogate in map(chr, range(0xD800, 0xD802)))
        },
    )


@given(TEXTS, thesauri())
def test_matches_are_the_originals(text: str, thesaurus: Thesaurus) -> None:
    ours = find(text, thesaurus)
    original = find_all_matches(text, thesaurus.to_json())
    assert [(m.term, m.concept.value, m.concept.id, m.concept.url, (m.start, m.end)) for m in ours] == [
        (m.term, m.normalized_term, m.id, m.url, m.pos) for m in original
    ]
    for match in ours:
        assert text[match.start_char : match.end_char].encode() == text.encode()[match.start : match.end]


@given(TEXTS, thesauri(), st.sampled_from(LinkType))
def test_replaced_texts_are_the_originals(text: str, thesaurus: Thesaurus, link_type: LinkType) -> None:
    assert replace(text, thesaurus, link_type) == replace_with_links(text, thesaurus.to_json(), link_type)


@given(TEXTS, thesauri(), st.booleans())
def test_paragraphs_are_the_originals(text: str, thesaurus: Thesaurus, include_term: bool) -> None:
    ours = paragraphs(text, thesaurus, include_term=include_term)
    original = extract_paragraphs(text, thesaurus.to_json(), include_term=include_term)
    assert [(paragraph.term, paragraph.text) for paragraph in ours] == original


ADDRESSES = st.lists(
    st.sampled_from(
        [
            "https://",
            "http://",
            "mailto:",
            "a",
            "b",
            "@",
            ".",
            "com",
            " ",
            "](",
            ")",
            "[",
            "]",
            ">",
            "/",
            "é",
            "\n",
        ]
    ),
    max_size=14,
).map("".join)


@given(ADDRESSES)
@settings(max_examples=400)
def test_addresses_stay_where_the_originals_do(text: str) -> None:
    thesaurus = Thesaurus("t", {"com": Concept(1, "X"), "aa": Concept(2, "Y"), "ab": Concept(3, "Z")})
    assert replace(text, thesaurus, LinkType.PLAIN) == replace_with_links(text, thesaurus.to_json(), "plain")


def _indexes(thesaurus: Thesaurus) -> tuple[AutocompleteIndex, OriginalIndex]:
    return AutocompleteIndex.build(thesaurus), build_index(thesaurus.to_json())


def _rows(found: list[Suggestion]) -> list[tuple[str, str, int, str | None]]:
    return [(hit.term, hit.normalized_term, hit.id, hit.url) for hit in found]


WORDS = st.text("abcé", min_size=1, max_size=7)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)


@st.composite
def dictionaries(draw: st.DrawFn) -> Thesaurus:
    terms = draw(st.lists(PHRASES, max_size=15, unique=True))
    return Thesaurus(
        "t", {term: Concept(number // 2, f"c{number // 2}") for number, term in enumerate(terms)}
    )


@given(dictionaries(), st.one_of(WORDS, st.text("abC", max_size=3)), st.integers(0, 20))
def test_prefix_hits_are_the_originals(thesaurus: Thesaurus, query: str, limit: int) -> None:
    ours, original = _indexes(thesaurus)
    assert len(ours) == len(original)
    assert _rows(ours.prefix(query, limit)) == [
        (hit.term, hit.normalized_term, hit.id, hit.url) for hit in original.search(query, limit)
    ]


@given(
    dictionaries(),
    st.one_of(PHRASES, st.just("")),
    st.sampled_from([-1.0, 0.0, 0.3, 0.5, 0.6, 0.8, 0.9, 1.0]),
)
def test_similar_terms_are_the_originals(thesaurus: Thesaurus, query: str, similarity: float) -> None:
    ours, original = _indexes(thesaurus)
    assert {(hit.term, round(hit.score, 9)) for hit in ours.jaro_winkler(query, similarity, 100)} == {
        (hit.term, round(hit.score, 9)) for hit in original.fuzzy_search(query, similarity, 100)
    }


@given(dictionaries(), st.one_of(PHRASES, st.just("")), st.integers(0, 9))
def test_near_terms_are_the_originals(thesaurus: Thesaurus, query: str, distance: int) -> None:
    ours, original = _indexes(thesaurus)
    assert {(hit.term, round(hit.score, 9)) for hit in ours.levenshtein(query, distance, 100)} == {
        (hit.term, round(hit.score, 9)) for hit in original.fuzzy_search_levenshtein(query, distance, 100)
    }


def test_a_huge_text_has_the_originals_matches() -> None:
    thesaurus = Thesaurus("t", {f"term{number}": Concept(number, f"c{number}") for number in range(10, 60)})
    text = "é term11 xterm59y\n\nterm9 TERM33 " * 40_000
    ours = find(text, thesaurus)
    original = find_all_matches(text, json.dumps(json.loads(thesaurus.to_json())))
    assert [(match.start, match.end) for match in ours] == [match.pos for match in original]
