"""Complete and correct what someone types, out of a thesaurus's terms."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler, Levenshtein

from terraphim import envelope, jaro_winkler
from terraphim.thesaurus import Concept, Thesaurus

_KIND, _VERSION = "autocomplete-index", 1
_TERMS_SIMILARITY = 0.6
# A resemblance weighs less than a prefix.
_FUZZY_WEIGHT = 0.8
# The library's cut-off drops a score that equals it, and some that are above it by a rounding.
_ROUNDING = 1e-6
# A longer query resembles no term that people use, and costs the product of both lengths.
_MAX_FUZZY_QUERY = 1000


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
    """Every term of a thesaurus in lower case, in byte order.

    Parameters:
        name: the thesaurus's name.
        concepts: lower-case term to concept.
    """

    def __init__(self, name: str, concepts: Mapping[str, Concept]) -> None:
        self.name = name
        self._terms = sorted(concepts)
        self._concepts = concepts

    def __len__(self) -> int:
        return len(self._terms)

    @classmethod
    def build(cls, thesaurus: Thesaurus) -> AutocompleteIndex:
        """Index a thesaurus's terms; of terms that differ in case alone, the first in byte order stays.

        A blank term counts, and is never suggested.
        """
        concepts: dict[str, Concept] = {}
        for term in sorted(thesaurus.terms):
            concepts.setdefault(term.lower(), thesaurus.terms[term])
        return cls(thesaurus.name, concepts)

    def prefix(self, query: str, limit: int = 10) -> list[Suggestion]:
        """The first ``limit`` terms in byte order that begin with ``query``, shorter ones first.

        Nothing for an empty query or a limit below 1.
        """
        start = query.lower()
        if not start:
            return []
        hits: list[str] = []
        for position in range(bisect_left(self._terms, start), len(self._terms)):
            term = self._terms[position]
            if len(hits) >= limit or not term.startswith(start):
                break
            if term.strip():
                hits.append(term)
        hits.sort(key=_byte_length)
        return [self._suggestion(term, 1.0) for term in hits]

    def jaro_winkler(self, query: str, similarity: float = 0.6, limit: int = 10) -> list[Suggestion]:
        """Prefix hits, then terms of other concepts that resemble ``query``, best first.

        A term resembles as much as the best of the whole term and each of its words. Letters of another
        case are other letters.

        Parameters:
            similarity: the least Jaro-Winkler similarity; outside 0 to 1, and at both ends, prefix hits only.
        """
        hits = self.prefix(query, limit)
        if not 0 < similarity < 1 or len(hits) >= limit or len(query) > _MAX_FUZZY_QUERY:
            return hits
        best: dict[str, float] = defaultdict(float)
        for terms in (self._terms, self._words):
            for text, score, _ in process.extract_iter(
                query, terms, scorer=JaroWinkler.similarity, score_cutoff=similarity - _ROUNDING
            ):
                if abs(score - similarity) < _ROUNDING and jaro_winkler.similarity(query, text) < similarity:
                    continue
                for term in self._terms_of(text, terms):
                    best[term] = max(best[term], score)
        return self._with_similar(hits, {term: s * _FUZZY_WEIGHT for term, s in best.items()}, limit)

    def levenshtein(self, query: str, max_edit_distance: int = 2, limit: int = 10) -> list[Suggestion]:
        """Prefix hits, then terms of other concepts within so many edits of ``query``, nearest first.

        A term is as near as the nearest of the whole term and each of its words. Letters of another case
        are other letters.

        Parameters:
            max_edit_distance: insertions, deletions and substitutions; below 1, prefix hits only.
        """
        hits = self.prefix(query, limit)
        if max_edit_distance < 1 or len(hits) >= limit or len(query) > _MAX_FUZZY_QUERY:
            return hits
        cutoff = min(max_edit_distance, 2 * _MAX_FUZZY_QUERY)
        nearest: dict[str, int] = {}
        for terms in (self._terms, self._words):
            for text, distance, _ in process.extract_iter(
                query, terms, scorer=Levenshtein.distance, score_cutoff=cutoff
            ):
                for term in self._terms_of(text, terms):
                    nearest[term] = min(nearest.get(term, distance), distance)
        return self._with_similar(hits, {term: _FUZZY_WEIGHT / (1 + d) for term, d in nearest.items()}, limit)

    def terms(self, query: str, limit: int = 10) -> list[Suggestion]:
        """What someone who types may mean: prefix hits, then similar terms, then other terms of the same
        concepts, shortest first. No term comes twice."""
        hits = self.jaro_winkler(query, _TERMS_SIMILARITY, limit)
        shown = {hit.term for hit in hits}
        others = {
            term for hit in hits for term in self._terms_of_concept.get(hit.id, ()) if term not in shown
        }
        hits += [
            self._suggestion(term, 0.0)
            for term in islice(sorted(others, key=_shortest_first), max(limit - len(hits), 0))
        ]
        return hits

    def serialize(self) -> bytes:
        """The index as bytes: versioned and checksummed, compressed JSON."""
        numbers: dict[Concept, int] = {}
        of_terms = [numbers.setdefault(self._concepts[term], len(numbers)) for term in self._terms]
        concepts = [[concept.id, concept.value, concept.url] for concept in numbers]
        value = {"name": self.name, "terms": self._terms, "concepts": concepts, "concept_of_term": of_terms}
        return envelope.seal(_KIND, _VERSION, value, compress=True)

    @classmethod
    def deserialize(cls, data: bytes) -> AutocompleteIndex:
        """Read what ``serialize`` wrote. Raises IndexInvalid for anything else."""
        match envelope.unseal(_KIND, _VERSION, data):
            case {
                "name": str(name),
                "terms": [*terms],
                "concepts": [*rows],
                "concept_of_term": [*of_terms],
            }:
                return cls(name, _joined(terms, of_terms, [_concept(row) for row in rows]))
            case _:
                raise envelope.malformed(_KIND)

    def _suggestion(self, term: str, score: float) -> Suggestion:
        concept = self._concepts[term]
        return Suggestion(term, concept.value, concept.id, concept.url, score)

    def _with_similar(
        self, hits: list[Suggestion], scores: Mapping[str, float], limit: int
    ) -> list[Suggestion]:
        concepts = {hit.id for hit in hits}
        similar = [term for term in scores if term.strip() and self._concepts[term].id not in concepts]
        similar.sort(key=lambda term: (-scores[term], *_shortest_first(term)))
        return hits + [self._suggestion(term, scores[term]) for term in similar[: max(limit - len(hits), 0)]]

    @cached_property
    def _words(self) -> Mapping[str, str]:
        """Each word of the terms; as a mapping to itself, because the search goes over values."""
        return {word: word for word in self._terms_of_word}

    @cached_property
    def _terms_of_word(self) -> Mapping[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for term in self._terms:
            for word in set(term.split()):
                found[word].append(term)
        return found

    def _terms_of(self, text: str, searched: Iterable[str]) -> Iterable[str]:
        return (text,) if searched is self._terms else self._terms_of_word[text]

    @cached_property
    def _terms_of_concept(self) -> Mapping[int, list[str]]:
        found: defaultdict[int, list[str]] = defaultdict(list)
        for term in self._terms:
            if term.strip():
                found[self._concepts[term].id].append(term)
        return found


def _byte_length(term: str) -> int:
    return len(term.encode("utf-8", "surrogatepass"))


def _shortest_first(term: str) -> tuple[int, str]:
    return len(term), term


def _concept(row: Any) -> Concept:
    match row:
        case [int(number), str(value), str() | None as url] if not isinstance(number, bool):
            return Concept(number, value, url)
        case _:
            raise envelope.malformed(_KIND)


def _joined(terms: list[Any], of_terms: list[Any], concepts: list[Concept]) -> dict[str, Concept]:
    known = range(len(concepts))
    if len(terms) != len(of_terms) or not all(type(term) is str for term in terms):
        raise envelope.malformed(_KIND)
    if not all(type(number) is int and number in known for number in of_terms):
        raise envelope.malformed(_KIND)
    return {term: concepts[number] for term, number in zip(terms, of_terms, strict=True)}
