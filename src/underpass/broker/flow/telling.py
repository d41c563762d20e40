"""Which pieces of a text tell where it came from, and which occur in many texts by chance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

RUN: Final = 32
"""Characters from which running words are recognised; shorter phrases are everybody's."""
_DIGITS: Final = 6
"""So many digits tell something even with white space between them."""
_FEWEST: Final = 4
"""Different characters of which a piece must consist: a ruled line tells nothing."""
_LONG_WORD: Final = 20
_WORD: Final = re.compile(r"[^ ]+")
_MARK: Final = re.compile(r"[\d@]")
_GROUPS: Final = re.compile(r"\d(?:[\d .,:/()+-]*\d)?")
_MOMENT: Final = re.compile(
    r"(?:19|20)\d\d-[01]\d-[0-3]\d(?:[t ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?)?(?:z|[+-]\d\d:?\d\d)?"
)
_LONGEST_MOMENT: Final = 40


def codes(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Give the spans of a normalised text in which pieces of ``size`` characters may be like a code."""
    for found in _WORD.finditer(text):
        if found.end() - found.start() >= size and _MARK.search(found[0]):
            yield found.span()
    for found in _GROUPS.finditer(text):
        if _digits(found[0]) >= _DIGITS and " " in found[0]:
            yield max(0, found.start() - size + 1), min(len(text), found.end() + size - 1)


def is_code(text: str, begin: int, end: int) -> bool:
    """Whether a piece of a text is like a key, a number or an address, and no moment of time alone."""
    piece = text[begin:end]
    if not _looks_like_code(piece):
        return False
    least = max(0, begin - _LONGEST_MOMENT)
    around = text[least : end + _LONGEST_MOMENT]
    blank = _MOMENT.sub(lambda found: " " * len(found[0]), around)
    return around == blank or _looks_like_code(blank[begin - least : end - least])


def is_word(piece: str) -> bool:
    """Whether a piece may be one word of a language."""
    return len(piece) < _LONG_WORD and piece.isalpha()


def says_something(piece: str) -> bool:
    """Whether a piece is more than a ruled line."""
    return len(set(piece)) >= _FEWEST


def _looks_like_code(piece: str) -> bool:
    digits = _digits(piece)
    return digits >= _DIGITS or (" " not in piece and (digits > 0 or "@" in piece))


def _digits(text: str) -> int:
    return sum(map(str.isdecimal, text))
