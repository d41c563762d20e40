"""Find a thesaurus's terms in a text, and put links or names in their place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from terraphim.thesaurus import Concept, Thesaurus


class LinkType(StrEnum):
    """How a replaced term is written."""

    WIKI = "wiki"
    HTML = "html"
    MARKDOWN = "markdown"
    PLAIN = "plain"

    @classmethod
    def parse(cls, text: str) -> LinkType:
        """Read a name as people write it, in any case: ``wikilinks``, ``md``, ``plaintext`` … Raises LinkTypeInvalid."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Match:
    """One place where a term stands.

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


def find(text: str, thesaurus: Thesaurus) -> list[Match]:
    """Find every term: leftmost and longest, not overlapping, ASCII letters in any case, also inside words.

    Terms of fewer than two bytes, or of blanks alone, match nothing.
    """
    raise NotImplementedError


def replace(text: str, thesaurus: Thesaurus, link_type: LinkType) -> str:
    """Put each term's concept in its place; addresses of pages and mailboxes stay as they are."""
    raise NotImplementedError


def paragraphs(text: str, thesaurus: Thesaurus, *, include_term: bool = True) -> list[Paragraph]:
    """For each match, the text from it (or from behind it) to the next empty line or the end."""
    raise NotImplementedError
