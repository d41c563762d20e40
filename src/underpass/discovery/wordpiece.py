"""From text to the numbers that a BERT model reads: words, and the pieces of those that are rare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from unicodedata import category, normalize

_LONGEST_WORD = 100
_CONTINUED = "##"


class WordPiece:
    """The tokenizer of BERT's uncased models.

    Parameters:
        vocabulary: the pieces, in the order of their numbers; ``##`` begins one that continues a word.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers: Mapping[str, int] = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown = self._numbers["[UNK]"]
        self._of_word = lru_cache(maxsize=16_384)(self._pieces)

    def numbers(self, text: str, longest: int) -> list[int]:
        """Return the numbers of ``text`` between those of start and end, ``longest`` at most."""
        found = [self._numbers["[CLS]"]]
        for word in normalize("NFD", text).translate(_CHARACTERS).lower().split():
            found.extend(self._of_word(word))
            if len(found) >= longest:
                break
        return [*found[: longest - 1], self._numbers["[SEP]"]]

    def _pieces(self, word: str) -> tuple[int, ...]:
        """Take the longest piece that the rest of the word begins with, again and again."""
        if len(word) > _LONGEST_WORD:
            return (self._unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            mark = _CONTINUED if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(mark + word[start:end])
                if number is not None:
                    break
            else:
                return (self._unknown,)
            found.append(number)
            start = end
        return tuple(found)


class _Characters(dict[int, str]):
    """What stands for a character: itself, itself as a word of its own, a space, or nothing."""

    def __missing__(self, point: int) -> str:
        self[point] = seen = _seen(chr(point))
        return seen


def _seen(character: str) -> str:
    kind = category(character)
    if character in "\t\n\r" or kind == "Zs":
        return " "
    if kind == "Mn" or kind.startswith("C") or character == "\ufffd":
        return ""
    symbol = character.isascii() and not character.isalnum()
    return f" {character} " if symbol or kind.startswith("P") or _is_ideograph(ord(character)) else character


def _is_ideograph(point: int) -> bool:
    return 0x3400 <= point <= 0x9FFF or 0xF900 <= point <= 0xFAFF or 0x20000 <= point <= 0x2FA1F


_CHARACTERS = _Characters()
