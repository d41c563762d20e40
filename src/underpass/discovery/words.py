"""From names and prose to the terms that an index holds."""

from __future__ import annotations

import re
from itertools import chain

# A Han or kana character is a word by itself: such prose has no spaces.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
# The same for ASCII, several times as fast; most other texts only have signs and pictures.
_BETWEEN = bytes(point if chr(point).isascii() and chr(point).isalnum() else 32 for point in range(256))
_SIGNS = re.compile(r"[^\w\x00-\x7f]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\x00-\x7f]+")

# Words of requests that say nothing of a tool.
_STOP = frozenset(
    {
        "a", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "for", "from", "has",
        "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or",
        "our", "that", "the", "their", "this", "these", "those", "to", "us", "use", "using", "via",
        "want", "was", "we", "what", "when", "where", "which", "will", "with", "would", "you",
        "your",
    }
)  # fmt: skip


def terms(text: str) -> list[str]:
    """Return the stemmed terms of ``text`` in order, without stop words.

    ``snake_case`` and ``camelCase`` fall into their parts; a camel word also counts as a whole, so
    that ``GitHub`` is found by "github".
    """
    if not text.isascii():
        text = _SIGNS.sub(" ", text)
    words = text.encode().translate(_BETWEEN).decode().split() if text.isascii() else _WORD.findall(text)
    return list(chain.from_iterable(map(_TERMS.__getitem__, words)))


def is_stop_word(word: str) -> bool:
    """Whether a lowercase word says nothing of a tool."""
    return word in _STOP


class _Terms(dict[str, tuple[str, ...]]):
    """The terms of each word, as they are looked up; half the time of ``lru_cache``."""

    def __missing__(self, word: str) -> tuple[str, ...]:
        if len(self) >= _MOST_WORDS:
            self.clear()
        self[word] = found = _terms_of(word)
        return found


_MOST_WORDS = 65_536
_TERMS = _Terms()


def _terms_of(word: str) -> tuple[str, ...]:
    whole = word.casefold()
    if whole in _STOP:
        return ()
    parts = [part.casefold() for part in _CAMEL.findall(word)]
    if len(parts) <= 1:
        return (_stem(whole),)
    return (*(_stem(part) for part in parts if part not in _STOP), _stem(whole))


def _stem(word: str) -> str:
    """Cut the endings that inflection adds; an approximation that never joins short words."""
    if len(word) <= 3:
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and _has_vowel(stem):
            doubled = len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz"
            return stem[:-1] if doubled else stem.removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word


def _has_vowel(word: str) -> bool:
    return any(vowel in word for vowel in "aeiouy")
