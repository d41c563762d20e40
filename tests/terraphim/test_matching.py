"""Terms in texts: what is found, what is replaced, and what never is."""

from __future__ import annotations

import gc
import weakref

import pytest

from terraphim.errors import LinkTypeInvalid
from terraphim.matching import LinkType, Matcher, find, paragraphs, replace
from terraphim.thesaurus import Concept, Thesaurus

pytestmark = pytest.mark.requirement("R49")


def _thesaurus(**terms: str) -> Thesaurus:
    return Thesaurus("t", {term: Concept(number, name) for number, (term, name) in enumerate(terms.items())})


def test_offsets_are_given_in_bytes_and_in_characters() -> None:
    (match,) = find("é🦀 Rust!", _thesaurus(rust="r"))
    assert (match.start, match.end) == (7, 11)
    assert (match.start_char, match.end_char) == (3, 7)


def test_the_longest_of_overlapping_terms_is_found() -> None:
    found = find("abcd", _thesaurus(ab="x", abc="y", bcd="z"))
    assert [match.term for match in found] == ["abc"]


def test_of_terms_that_differ_in_case_the_first_in_byte_order_stands_for_all() -> None:
    forward, backward = _thesaurus(ml="low", ML="high"), _thesaurus(ML="high", ml="low")
    assert {match.concept.value for each in (forward, backward) for match in find("ml Ml", each)} == {"high"}


@pytest.mark.parametrize("term", ["", "a", " ", "  ", "\t\n"])
def test_an_empty_or_tiny_term_matches_nothing(term: str) -> None:
    thesaurus = Thesaurus("t", {term: Concept(1, "x")})
    assert find("a  b\t\n", thesaurus) == []
    assert replace("a  b", thesaurus, LinkType.WIKI) == "a  b"


def test_no_text_and_no_terms_are_no_error() -> None:
    assert find("", _thesaurus(ab="x")) == []
    assert find("ab", Thesaurus("t", {})) == []
    assert paragraphs("", _thesaurus(ab="x")) == []


def test_the_display_value_is_written_where_there_is_one() -> None:
    thesaurus = Thesaurus("t", {"npm": Concept(1, "bun", "https://bun.sh", "Bun")})
    written = {link_type: replace("npm", thesaurus, link_type) for link_type in LinkType}
    assert written == {
        LinkType.WIKI: "[[Bun]]",
        LinkType.HTML: '<a href="https://bun.sh">Bun</a>',
        LinkType.MARKDOWN: "[Bun](https://bun.sh)",
        LinkType.PLAIN: "Bun",
    }


@pytest.mark.parametrize(
    ("name", "link_type"),
    [
        ("WikiLinks", "wiki"),
        ("html", "html"),
        ("HTMLLinks", "html"),
        ("MD", "markdown"),
        ("PlainText", "plain"),
    ],
)
def test_a_link_type_has_several_names_in_any_case(name: str, link_type: str) -> None:
    assert LinkType.parse(name) == link_type


def test_an_unknown_link_type_names_the_known_ones() -> None:
    with pytest.raises(LinkTypeInvalid, match="Invalid link type 'pdf'") as refused:
        LinkType.parse("pdf")
    assert refused.value.hint == "Supported types: wiki, html, markdown, plain."


def test_a_term_in_an_address_stays() -> None:
    text = "npm [npm](docs/npm) https://npm.io/npm, npm@npm.org mailto:npm (http://npm) npm"
    replaced = replace(text, _thesaurus(npm="bun"), LinkType.PLAIN)
    assert replaced == "bun [bun](docs/npm) https://npm.io/npm, npm@npm.org mailto:npm (http://npm) bun"


def test_a_term_of_nul_bytes_does_not_stand_where_an_address_was_blanked() -> None:
    thesaurus = Thesaurus("t", {"\0\0": Concept(1, "nul"), "ab": Concept(2, "x")})
    assert replace("https://x ab \0\0", thesaurus, LinkType.PLAIN) == "https://x x nul"


def test_a_lone_surrogate_ends_no_call() -> None:
    thesaurus = Thesaurus("t", {"ab": Concept(1, "x"), "\ud800": Concept(2, "y")})
    assert replace("\udfff ab", thesaurus, LinkType.PLAIN) == "\udfff x"
    assert find("\udfff ab", thesaurus)[0].start_char == 2


@pytest.mark.parametrize("piece", ["](", "a@", "https://a", "aaaa.", "@a.", "](a)", "\n\n"])
def test_a_hostile_text_takes_no_longer_than_another(piece: str) -> None:
    text = piece * (2_000_000 // len(piece)) + " npm"
    thesaurus = _thesaurus(npm="bun")
    replaced = replace(text, thesaurus, LinkType.PLAIN)
    assert replaced.endswith(" bun")
    assert len(paragraphs(text, thesaurus)) == 1


@pytest.mark.slow
def test_fifty_megabytes_are_read() -> None:
    text = "some words about npm and yarn\n\n" * (50_000_000 // 31)
    assert len(find(text, _thesaurus(npm="bun", yarn="bun"))) == 2 * (50_000_000 // 31)


def test_an_automaton_lives_as_long_as_its_thesaurus() -> None:
    thesaurus = _thesaurus(ab="x")
    matcher = weakref.ref(Matcher.of(thesaurus))
    assert Matcher.of(thesaurus) is matcher()
    del thesaurus
    gc.collect()
    assert matcher() is None
