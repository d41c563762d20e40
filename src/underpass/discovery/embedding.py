"""What turns texts into vectors: the seam, and an embedder that needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import sqrt
from typing import Protocol

from underpass.discovery.synonyms import SYNONYMS
from underpass.discovery.words import terms


class Embedder(Protocol):
    """Gives texts of like meaning vectors of like direction."""

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector of length 1 for each text; all have as many dimensions.

        It is called in threads, several at once.
        """
        ...


class WordEmbedder:
    """Vectors of the words themselves, each with those of like meaning: repeatable, and known at once.

    For tests and trials: it knows no more of language than the word search does.

    Parameters:
        dimensions: of each vector.
    """

    def __init__(self, dimensions: int = 256) -> None:
        self._dimensions = dimensions

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text; that of a text without words is all zeros."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self._dimensions
        for term in terms(text):
            vector[self._place(term)] += 1.0
            for other in SYNONYMS.get(term, ()):
                vector[self._place(other)] += 0.3
        length = sqrt(sum(value * value for value in vector)) or 1.0
        return [value / length for value in vector]

    def _place(self, term: str) -> int:
        return int.from_bytes(blake2b(term.encode(), digest_size=4).digest(), "little") % self._dimensions
