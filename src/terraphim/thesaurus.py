"""A thesaurus: the terms of a field, and the concept that each of them names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Concept:
    """What a term means.

    Parameters:
        id: the concept's number, 0 to 2**64-1; several terms share it.
        value: its normalised name (``nterm`` in the JSON format).
        url: a page about it, if there is one.
        display_value: how to write it, where that differs from ``value``.
    """

    id: int
    value: str
    url: str | None = None
    display_value: str | None = None

    @property
    def text(self) -> str:
        """What stands in a text in place of a term: the display value, or else the name."""
        return self.value if self.display_value is None else self.display_value


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a thesaurus may cost to load.

    Parameters:
        bytes: the size of the document.
        seconds: the time for a download, redirects included.
    """

    bytes: int = 64 * 1024 * 1024
    seconds: float = 30.0


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Thesaurus:
    """Terms and their concepts; compared by identity, because an automaton is kept for each.

    Parameters:
        name: the thesaurus's name.
        terms: term to concept, in the document's order; do not change it afterwards.
    """

    name: str
    terms: Mapping[str, Concept] = field(repr=False)

    def __len__(self) -> int:
        return len(self.terms)

    @classmethod
    def from_json(cls, document: str | bytes | Mapping[str, Any]) -> Thesaurus:
        """Read ``{"name": …, "data": {term: {"id": …, "nterm": …, "url"?, "display_value"?}}}``.

        Unknown fields are ignored. Raises ThesaurusInvalid, which names the place in the document.
        """
        raise NotImplementedError

    def to_json(self) -> str:
        """The same thesaurus in the JSON format, keys in order."""
        raise NotImplementedError


async def load(location: str, *, limits: Limits | None = None) -> Thesaurus:
    """Load a thesaurus from a local file or an ``https`` address.

    Raises:
        ThesaurusUnavailable: it cannot be read, is no https address, or is over a limit.
        ThesaurusInvalid: its content is malformed.
    """
    raise NotImplementedError
