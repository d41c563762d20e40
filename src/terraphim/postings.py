"""Which word stands how often in which document, and the scores that follow from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from terraphim.documents import Document
from terraphim.errors import IndexInvalid
from terraphim.lexicon import Lexicon, Places


@dataclass(frozen=True, slots=True)
class Parameters:
    """The constants of the BM25 family.

    Parameters:
        k1: how soon repeats of a word stop to count.
        b: how much a long document is marked down, 0 to 1.
        delta: what BM25Plus adds for each word, times the word's weight.
        title, body, description, tags: the weights of BM25F's fields.
    """

    k1: float = 1.2
    b: float = 0.75
    delta: float = 1.0
    title: float = 3.0
    body: float = 1.0
    description: float = 2.0
    tags: float = 2.5


def words_of(text: str) -> list[str]:
    """A text's words: split at blanks, in lower case, punctuation included."""
    return text.lower().split()


class Postings:
    """Numbered documents by their words. A number is never used again; a removed document leaves a gap."""

    def __init__(self) -> None:
        self._places = Lexicon()
        self._body_lengths: list[int] = []
        self._lengths: list[int] = []
        self._alive = bytearray()
        self._count = 0
        self._body_total = 0
        self._total = 0
        self._vocabulary: str | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def gaps(self) -> int:
        """How many numbers have no document any more."""
        return len(self._alive) - self._count

    def add(self, document: Document) -> int:
        """Index a document; returns its number."""
        number = len(self._alive)
        body, title, description, tags = _fields(document)
        for word in body.keys() | title.keys() | description.keys() | tags.keys():
            places = self._places.get(word)
            if places is None:
                places = self._places.add(word)
                self._vocabulary = None
            places.documents.append(number)
            # A Counter makes a call of its own for a word that it does not have.
            places.body.append(body.get(word, 0))
            places.title.append(title.get(word, 0))
            places.description.append(description.get(word, 0))
            places.tags.append(tags.get(word, 0))
            places.in_any += 1
            places.in_body += word in body
        self._body_lengths.append(body.total())
        self._lengths.append(body.total() + title.total() + description.total() + tags.total())
        self._body_total += self._body_lengths[number]
        self._total += self._lengths[number]
        self._alive.append(1)
        self._count += 1
        return number

    def remove(self, number: int, document: Document) -> None:
        """Take a document out; its words are those that it was added with."""
        body, title, description, tags = _fields(document)
        for word in body.keys() | title.keys() | description.keys() | tags.keys():
            self._places[word].in_any -= 1
            self._places[word].in_body -= word in body
        self._alive[number] = 0
        self._count -= 1
        self._body_total -= self._body_lengths[number]
        self._total -= self._lengths[number]

    def snapshot(self) -> Any:
        """The postings as a JSON value."""
        return {
            "lexicon": self._places.snapshot(),
            "lengths": self._lengths,
            "body_lengths": self._body_lengths,
            "alive": list(self._alive),
        }

    @classmethod
    def restore(cls, value: Any) -> Postings:
        """Open what ``snapshot`` returned. Raises IndexInvalid."""
        postings = cls()
        try:
            postings._places = Lexicon.restore(value["lexicon"])
            postings._lengths = [int(length) for length in value["lengths"]]
            postings._body_lengths = [int(length) for length in value["body_lengths"]]
            postings._alive = bytearray(value["alive"])
        except (KeyError, TypeError, ValueError) as error:
            raise IndexInvalid("The postings cannot be read.", hint="Build the index again.") from error
        if not len(postings._alive) == len(postings._lengths) == len(postings._body_lengths):
            raise IndexInvalid("The postings contradict each other.", hint="Build the index again.")
        living = [number for number, alive in enumerate(postings._alive) if alive]
        postings._count = len(living)
        postings._total = sum(postings._lengths[number] for number in living)
        postings._body_total = sum(postings._body_lengths[number] for number in living)
        return postings

    def containing(self, words: Sequence[str]) -> set[int]:
        """Documents in which one of the words stands, also as a part of a word."""
        found: set[int] = set()
        for word in set(words):
            for longer in self._words_with(word):
                found.update(self._places[longer].documents)
        return {number for number in found if self._alive[number]} if self.gaps else found

    def bm25(self, words: Sequence[str], parameters: Parameters) -> dict[int, float]:
        """Okapi BM25 over the bodies."""
        k1 = parameters.k1
        scores: defaultdict[int, float] = defaultdict(float)
        norms = self._norms(self._body_lengths, self._body_total, parameters)
        for places, weight in self._weighted(words, body_only=True):
            for number, count in zip(places.documents, places.body, strict=True):
                if count:
                    scores[number] += weight * (count * (k1 + 1.0)) / (norms(number) + count)
        return scores

    def bm25plus(self, words: Sequence[str], parameters: Parameters) -> tuple[dict[int, float], float]:
        """BM25+ over the bodies, and what every document has besides: delta for each word of any body."""
        weights = sum(weight for _, weight in self._weighted(words, body_only=True))
        return self.bm25(words, parameters), weights * parameters.delta

    def bm25f(self, words: Sequence[str], parameters: Parameters) -> dict[int, float]:
        """BM25F over title, body, description and tags."""
        scores: defaultdict[int, float] = defaultdict(float)
        norms = self._norms(self._lengths, self._total, parameters)
        p = parameters
        for places, weight in self._weighted(words, body_only=False):
            for number, title, body, description, tags in zip(
                places.documents, places.title, places.body, places.description, places.tags, strict=True
            ):
                count = p.title * title + p.body * body + p.description * description + p.tags * tags
                scores[number] += weight * (count / (norms(number) + count))
        return scores

    def tfidf(self, words: Sequence[str]) -> dict[int, float]:
        """Count times ln(documents / documents with the word), over the bodies."""
        scores: defaultdict[int, float] = defaultdict(float)
        for word in words:
            places = self._places.get(word)
            if places is None or not places.in_body:
                continue
            weight = log(self._count / places.in_body)
            for number, count in zip(places.documents, places.body, strict=True):
                scores[number] += weight * count
        return scores

    def _weighted(self, words: Sequence[str], *, body_only: bool) -> Iterator[tuple[Places, float]]:
        for word in words:
            places = self._places.get(word)
            if places is None:
                continue
            having = places.in_body if body_only else places.in_any
            if having:
                yield places, log((self._count - having + 0.5) / (having + 0.5) + 1.0)

    def _norms(self, lengths: Sequence[int], total: int, parameters: Parameters) -> _Norms:
        mean = total / self._count if self._count else 0.0
        return _Norms(
            lengths, parameters.k1 * (1.0 - parameters.b), parameters.k1 * parameters.b / (mean or 1.0)
        )

    def _words_with(self, part: str) -> Iterator[str]:
        if self._vocabulary is None:
            self._vocabulary = "\n" + "\n".join(self._places) + "\n"
        text = self._vocabulary
        position = text.find(part)
        while position >= 0:
            start, end = text.rindex("\n", 0, position) + 1, text.index("\n", position)
            yield text[start:end]
            position = text.find(part, end)


@dataclass(frozen=True, slots=True)
class _Norms:
    """k1 times the length's share, for a document's number."""

    lengths: Sequence[int]
    constant: float
    factor: float

    def __call__(self, number: int) -> float:
        return self.constant + self.factor * self.lengths[number]


def _fields(document: Document) -> tuple[Counter[str], Counter[str], Counter[str], Counter[str]]:
    tags = [word for tag in document.tags for word in words_of(tag)]
    return (
        Counter(words_of(document.body)),
        Counter(words_of(document.title)),
        Counter(words_of(document.description or "")),
        Counter(tags),
    )
