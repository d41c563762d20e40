"""Finds texts of a list in a text: names of people, and values that were given out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from unicodedata import normalize

from ahocorasick_rs import BytesAhoCorasick, MatchKind

_APART: Final = re.compile(r"[\W_]")
_APART_BEYOND_ASCII: Final = re.compile(r"[^\w\x00-\x7f]")
_PLAIN: Final = bytes(
    code if code > 127 else ord(chr(code).lower()) if chr(code).isalnum() else ord(" ") for code in range(256)
)
"""Capital letters become small, and what is neither letter nor digit a blank, in UTF-8: of ASCII only."""


class Names:
    """Finds names as whole words: letters in any case, and any sign between the words of a name.

    However many names there are, a text is read once.
    """

    def __init__(self, names: Iterable[str]) -> None:
        patterns = {
            f" {' '.join(_APART.sub(' ', _lower(normalize(form, name))).split())} ".encode()
            for name in names
            for form in ("NFC", "NFD")
        }
        patterns.discard(b"  ")
        self._automaton = BytesAhoCorasick(patterns)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where each name begins and ends, the first first; they may overlap."""
        plain = text if text.isascii() else _APART_BEYOND_ASCII.sub(" ", _lower(text))
        data = b" %b " % _utf8(plain).translate(_PLAIN)
        # The blanks around a name belong to its neighbours as well.
        spans = self._automaton.find_matches_as_indexes(data, overlapping=True)
        if not spans:
            return
        places = _Places(data, plain.isascii())
        for _, start, end in sorted(spans, key=lambda span: span[1]):
            first = places.of(start)
            yield first, first + len(data[start + 1 : end - 1].decode("utf-8", "surrogatepass"))


class Literals:
    """Finds texts as they are, as whole words, and tells what belongs to each."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._tokens = list(texts.values())
        self._automaton = BytesAhoCorasick(map(_utf8, texts), MatchKind.LeftmostLongest) if texts else None

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield where each begins and ends, and what belongs to it."""
        if self._automaton is None:
            return
        data = _utf8(text)
        places = _Places(data, text.isascii())
        for number, start, end in self._automaton.find_matches_as_indexes(data):
            first = places.of(start)
            last = first + len(data[start:end].decode("utf-8", "surrogatepass"))
            if not (text[first : first + 1].isalnum() and text[max(0, first - 1) : first].isalnum()) and not (
                text[last - 1 : last].isalnum() and text[last : last + 1].isalnum()
            ):
                yield first, last, self._tokens[number]


class _Places:
    """What offsets in UTF-8 are in characters; they are asked for in order."""

    def __init__(self, data: bytes, ascii_: bool) -> None:
        self._data = data
        self._ascii = ascii_
        self._characters = 0
        self._seen = 0

    def of(self, offset: int) -> int:
        if self._ascii:
            return offset
        self._characters += len(self._data[self._seen : offset].decode("utf-8", "surrogatepass"))
        self._seen = offset
        return self._characters


def _lower(text: str) -> str:
    """Make letters small, one by one where that would change how many they are."""
    # The capital letter of a dotless i is the same as that of any other.
    lower = text.lower().replace("\u0131", "i")
    if len(lower) == len(text):
        return lower
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def _utf8(text: str) -> bytes:
    # A lone surrogate can come from JSON, and must not end a call here.
    return text.encode("utf-8", "surrogatepass")
