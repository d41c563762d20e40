"""Find a thesaurus's terms in a text, and put links or names in their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from terraphim.errors import LinkTypeInvalid
from terraphim.thesaurus import Concept, Thesaurus

# In bytes. One letter would match in every word.
MIN_PATTERN_LENGTH = 2

# What must stay as it is: the target of a Markdown link, the address of a page, a mailbox.
_LINK_TARGET = re.compile(r"(?<=\]\()[^)]+")
_ADDRESS = re.compile(
    r"https?://[^\s)\]>]+"
    r"|mailto:[^\s)\]>]+"
    # Only from a word's first letter: each word is then read once, however long it is.
    r"|(?<![a-zA-Z0-9._%+-])[a-zA-Z0-9._%+-]++@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}"
)
_ADDRESS_SIGNS = ("http", "mailto:", "@")
_PARAGRAPH_END = re.compile(r"\r\n\r\n|\n\n|\r\r")


class LinkType(StrEnum):
    """How a replaced term is written."""

    WIKI = "wiki"
    HTML = "html"
    MARKDOWN = "markdown"
    PLAIN = "plain"

    @classmethod
    def parse(cls, text: str) -> LinkType:
        """Read a name as people write it, in any case: ``wikilinks``, ``md`` … Raises LinkTypeInvalid."""
        found = _LINK_NAMES.get(text.lower())
        if found is None:
            known = ", ".join(cls)
            raise LinkTypeInvalid(
                f"Invalid link type {text!r}.", hint=f"Supported types: {known}.", link_type=text
            )
        return found

    def write(self, concept: Concept) -> str:
        """The concept in this form."""
        match self:
            case LinkType.WIKI:
                return f"[[{concept.text}]]"
            case LinkType.HTML:
                return f'<a href="{concept.url or ""}">{concept.text}</a>'
            case LinkType.MARKDOWN:
                return f"[{concept.text}]({concept.url or ''})"
            case LinkType.PLAIN:
                return concept.text


_LINK_NAMES = {
    "wiki": LinkType.WIKI,
    "wikilinks": LinkType.WIKI,
    "html": LinkType.HTML,
    "htmllinks": LinkType.HTML,
    "markdown": LinkType.MARKDOWN,
    "markdownlinks": LinkType.MARKDOWN,
    "md": LinkType.MARKDOWN,
    "plain": LinkType.PLAIN,
    "plaintext": LinkType.PLAIN,
}


class Match(NamedTuple):
    """One place where a term stands; a tuple, because a text can have a million.

    Parameters:
        term: the thesaurus's key, which may differ in case from the text.
        concept: what the term means.
        start: offset of the first byte, in the UTF-8 text.
        end: offset behind the last byte.
        start_char: the same in characters, as Python slices count.
        end_char: the same in characters.
    """

    term: str
    concept: Concept
    start: int
    end: int
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A term and the text from it to the end of its paragraph."""

    term: str
    text: str


class Matcher:
    """The automaton of one thesaurus; made once for it, and kept as long as it lives.

    ``terms`` and ``concepts`` are what the automaton's numbers stand for.

    The automaton reads bytes with ASCII letters made small, as the terms are: nothing else folds,
    so an offset in what it reads is an offset in the text.
    """

    def __init__(self, thesaurus: Thesaurus) -> None:
        # Of terms that differ in case alone the first in byte order stands for all.
        folded: dict[bytes, str] = {}
        for term in sorted(thesaurus.terms):
            pattern = _utf8(term).lower()
            if len(pattern) >= MIN_PATTERN_LENGTH and not term.isspace():
                folded.setdefault(pattern, term)
        self.terms: Sequence[str] = list(folded.values())
        self.concepts: Sequence[Concept] = [thesaurus.terms[term] for term in self.terms]
        self._patterns = list(folded)

    @classmethod
    def of(cls, thesaurus: Thesaurus) -> Matcher:
        """The thesaurus's matcher."""
        matcher = _MATCHERS.get(thesaurus)
        if matcher is None:
            matcher = _MATCHERS[thesaurus] = cls(thesaurus)
        return matcher

    @cached_property
    def _automaton(self) -> BytesAhoCorasick | None:
        # An automaton of no patterns cannot be built.
        return BytesAhoCorasick(self._patterns, MatchKind.LeftmostLongest) if self._patterns else None

    def spans(self, data: bytes) -> list[tuple[int, int, int]]:
        """The number of a term, and where it begins and ends, for each match in UTF-8 text."""
        return self._automaton.find_matches_as_indexes(data.lower()) if self._automaton else []

    @cached_property
    def concept_ids(self) -> list[int]:
        """The concept's id for each term's number."""
        return [concept.id for concept in self.concepts]


_MATCHERS: WeakKeyDictionary[Thesaurus, Matcher] = WeakKeyDictionary()


def find(text: str, thesaurus: Thesaurus) -> list[Match]:
    """Find every term: leftmost and longest, not overlapping, ASCII letters in any case, also inside words.

    Terms of fewer than two bytes, or of blanks alone, match nothing.
    """
    matcher = Matcher.of(thesaurus)
    terms, concepts = matcher.terms, matcher.concepts
    data = _utf8(text)
    spans = matcher.spans(data)
    if len(data) == len(text):
        return [
            Match(terms[number], concepts[number], start, end, start, end) for number, start, end in spans
        ]
    found: list[Match] = []
    characters, seen = 0, 0
    for number, start, end in spans:
        first = characters + _length(data, seen, start)
        characters, seen = first + _length(data, start, end), end
        found.append(Match(terms[number], concepts[number], start, end, first, characters))
    return found


def replace(text: str, thesaurus: Thesaurus, link_type: LinkType) -> str:
    """Put each term's concept in its place; addresses of pages and mailboxes stay as they are."""
    matcher = Matcher.of(thesaurus)
    data, masked = _utf8(text), _utf8(_mask(text))
    written: dict[int, bytes] = {}
    parts: list[bytes] = []
    position = 0
    for number, start, end in matcher.spans(masked):
        # Only a term with a NUL in it could stand where an address was blanked.
        if masked is not data and not data.startswith(masked[start:end], start):
            continue
        link = written.get(number)
        if link is None:
            link = written[number] = _utf8(link_type.write(matcher.concepts[number]))
        parts += (data[position:start], link)
        position = end
    parts.append(data[position:])
    return b"".join(parts).decode("utf-8", "surrogatepass")


def _mask(text: str) -> str:
    """The text with a NUL for each byte of an address, so that no term lies in one or crosses one."""
    # Behind the last closing parenthesis there are no targets; a search there would be quadratic.
    links_end = text.rfind(")")
    if links_end > 0 and "](" in text:
        text = _LINK_TARGET.sub(_blank, text[:links_end]) + text[links_end:]
    if any(sign in text for sign in _ADDRESS_SIGNS):
        text = _ADDRESS.sub(_blank, text)
    return text


def _blank(found: re.Match[str]) -> str:
    return "\0" * len(_utf8(found[0]))


def paragraphs(text: str, thesaurus: Thesaurus, *, include_term: bool = True) -> list[Paragraph]:
    """For each match, the text from it (or from behind it) to the next empty line or the end.

    Without the term, a match at the very end of the text gives nothing.
    """
    found: list[Paragraph] = []
    ends = [end.start() for end in _PARAGRAPH_END.finditer(text)]
    upcoming = iter(ends)
    paragraph_end = next(upcoming, len(text))
    for match in find(text, thesaurus):
        while paragraph_end < match.end_char:
            paragraph_end = next(upcoming, len(text))
        start = match.start_char if include_term else match.end_char
        if start < len(text):
            found.append(Paragraph(match.term, text[start:paragraph_end]))
    return found


def _utf8(text: str) -> bytes:
    # A lone surrogate cannot come from UTF-8; it can come from JSON, and must not end a call.
    return text.encode("utf-8", "surrogatepass")


def _length(data: bytes, start: int, end: int) -> int:
    """The number of characters in a slice of UTF-8."""
    return len(data[start:end].decode("utf-8", "surrogatepass"))
