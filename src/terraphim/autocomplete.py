"""Complete and correct what someone types, out of a thesaurus's terms."""

from __future__ import annotations

from dataclasses import dataclass

from terraphim.thesaurus import Thesaurus


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A term that fits.

    Parameters:
        term: the term, in lower case.
        normalized_term: its concept's name.
        id: its concept's number.
        url: its concept's page, if there is one.
        score: 1.0 for a prefix, less for a resemblance.
    """

    term: str
    normalized_term: str
    id: int
    url: str | None
    score: float


class AutocompleteIndex:
    """Every term of a thesaurus in lower case, in byte order."""

    name: str

    def __len__(self) -> int:
        raise NotImplementedError

    @classmethod
    def build(cls, thesaurus: Thesaurus) -> AutocompleteIndex:
        """Index a thesaurus's terms."""
        raise NotImplementedError

    def prefix(self, query: str, limit: int = 10) -> list[Suggestion]:
        """The first ``limit`` terms in byte order that begin with ``query``, shorter ones first.

        Nothing for an empty query or a limit below 1.
        """
        raise NotImplementedError

    def jaro_winkler(self, query: str, similarity: float = 0.6, limit: int = 10) -> list[Suggestion]:
        """Prefix hits, then terms that resemble ``query`` by Jaro-Winkler similarity, best first.

        Parameters:
            similarity: the least similarity, 0 to 1; a value outside that range lets every term in.
        """
        raise NotImplementedError

    def levenshtein(self, query: str, max_edit_distance: int = 2, limit: int = 10) -> list[Suggestion]:
        """Prefix hits, then terms within ``max_edit_distance`` edits of ``query``, nearest first."""
        raise NotImplementedError

    def terms(self, query: str, limit: int = 10) -> list[Suggestion]:
        """What the ``autocomplete_terms`` tool shows: prefix hits; if they are too few, similar terms (0.6);
        then other terms of the same concepts, shortest first. No term twice."""
        raise NotImplementedError

    def serialize(self) -> bytes:
        """The index as bytes: versioned and checksummed, compressed JSON."""
        raise NotImplementedError

    @classmethod
    def deserialize(cls, data: bytes) -> AutocompleteIndex:
        """Read what ``serialize`` wrote. Raises IndexInvalid for anything else; runs no code of the data's."""
        raise NotImplementedError
