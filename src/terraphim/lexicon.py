"""Words and the documents they stand in, in a form that is kept on disk and opened at once."""

from __future__ import annotations

import base64
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, cast

from terraphim.errors import IndexInvalid

_FIELDS = ("title", "description", "tags")
"""The fields that hold few words of all; only counts above 0 are kept."""


@dataclass(slots=True)
class Places:
    """The documents of one word: their numbers, and how often it stands in each field."""

    documents: array[int] = field(default_factory=lambda: array("I"))
    body: array[int] = field(default_factory=lambda: array("I"))
    title: array[int] = field(default_factory=lambda: array("I"))
    description: array[int] = field(default_factory=lambda: array("I"))
    tags: array[int] = field(default_factory=lambda: array("I"))
    # Of documents that are still there.
    in_body: int = 0
    in_any: int = 0


class Lexicon:
    """The places of each word; those of a snapshot are unpacked when they are first asked for."""

    def __init__(self) -> None:
        self._places: dict[str, Places] = {}
        self._rows: dict[str, int] = {}
        self._packed: _Packed | None = None

    def __iter__(self) -> Iterator[str]:
        yield from self._rows
        yield from (word for word in self._places if word not in self._rows)

    def __getitem__(self, word: str) -> Places:
        places = self.get(word)
        if places is None:
            raise KeyError(word)
        return places

    def get(self, word: str) -> Places | None:
        """The places of a word; None for one that is new."""
        places = self._places.get(word)
        if places is None and self._packed is not None and (row := self._rows.get(word)) is not None:
            places = self._places[word] = self._packed.unpack(row)
        return places

    def add(self, word: str) -> Places:
        """Make places for a word that is new."""
        places = self._places[word] = Places()
        return places

    def snapshot(self) -> Any:
        """All words and places, as a JSON value."""
        words = list(self)
        every = [self[word] for word in words]
        value: dict[str, Any] = {
            "order": sys.byteorder,
            "words": words,
            "sizes": _packed(array("I", (len(places.documents) for places in every))),
            "in_body": _packed(array("I", (places.in_body for places in every))),
            "in_any": _packed(array("I", (places.in_any for places in every))),
            "documents": _packed(_joined([places.documents for places in every])),
            "body": _packed(_joined([places.body for places in every])),
        }
        for name in _FIELDS:
            counts = _joined([getattr(places, name) for places in every])
            where = array("I", (position for position, count in enumerate(counts) if count))
            value[name] = [_packed(where), _packed(array("I", (counts[position] for position in where)))]
        return value

    @classmethod
    def restore(cls, value: Any) -> Lexicon:
        """Open what ``snapshot`` returned. Raises IndexInvalid."""
        lexicon = cls()
        try:
            sizes = _unpacked(value["sizes"])
            packed = _Packed(
                offsets=[0, *accumulate(sizes)],
                in_body=_unpacked(value["in_body"]),
                in_any=_unpacked(value["in_any"]),
                documents=_unpacked(value["documents"]),
                body=_unpacked(value["body"]),
                fields={name: (_unpacked(value[name][0]), _unpacked(value[name][1])) for name in _FIELDS},
            )
            words = cast("list[str]", value["words"])
            total = packed.offsets[-1]
            whole = (
                value["order"] == sys.byteorder
                and len(words) == len(sizes) == len(packed.in_body) == len(packed.in_any)
                and total == len(packed.documents) == len(packed.body)
                and all(len(where) == len(counts) for where, counts in packed.fields.values())
                and all(isinstance(word, str) for word in cast("list[object]", words))
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise IndexInvalid("The words cannot be read.", hint="Build the index again.") from error
        if not whole:  # or of a machine with another order of bytes
            raise IndexInvalid("The words do not fit their places.", hint="Build the index again.")
        lexicon._rows = {word: row for row, word in enumerate(words)}
        lexicon._packed = packed
        return lexicon


@dataclass(frozen=True, slots=True)
class _Packed:
    """The places of all words, one behind the other."""

    offsets: Sequence[int]
    in_body: array[int]
    in_any: array[int]
    documents: array[int]
    body: array[int]
    fields: Mapping[str, tuple[array[int], array[int]]]

    def unpack(self, row: int) -> Places:
        start, end = self.offsets[row], self.offsets[row + 1]
        return Places(
            self.documents[start:end],
            self.body[start:end],
            *(self._sparse(name, start, end) for name in _FIELDS),
            in_body=self.in_body[row],
            in_any=self.in_any[row],
        )

    def _sparse(self, name: str, start: int, end: int) -> array[int]:
        where, counts = self.fields[name]
        full = array("I", bytes(4 * (end - start)))
        for position in range(bisect_left(where, start), bisect_left(where, end)):
            full[where[position] - start] = counts[position]
        return full


def _joined(parts: Sequence[array[int]]) -> array[int]:
    whole = array("I")
    for part in parts:
        whole.extend(part)
    return whole


def _packed(numbers: array[int]) -> str:
    return base64.b64encode(numbers).decode()


def _unpacked(text: str) -> array[int]:
    return array("I", base64.b64decode(text, validate=True))
