"""Counting tokens, with a vocabulary that ships in a package."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module

TOKENIZER = "o200k_base"
"""The vocabulary of every count that Underpass publishes."""

_CHUNK = 250_000
"""Characters counted at a time: the tokenizer holds the interpreter's lock while it counts."""
_LONGEST = 900_000
"""Characters at which a chunk is cut wherever it stands; ``bpe-openai`` refuses a million."""

# No token of o200k holds a space that follows a visible character, other than as its first
# character: a text cut before such a space has as many tokens as its parts together.
_SAFE_CUT = re.compile(r"(?<=\S) ")


def count(text: str) -> int:
    """Return the number of o200k tokens of ``text``.

    The count is exact for a text that has a space after a visible character at least once in
    650,000 characters; each further cut may add one or two tokens. Safe to call from several
    threads at once.
    """
    counter = _counter()
    return sum(counter(_valid(chunk)) for chunk in _chunks(text))


def _chunks(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _CHUNK:
        cut = _SAFE_CUT.search(text, start + _CHUNK, start + _LONGEST)
        end = cut.start() if cut else start + _LONGEST
        yield text[start:end]
        start = end
    yield text[start:]


def _valid(text: str) -> str:
    """Replace what is no Unicode text (lone surrogates), which no tokenizer accepts."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=1)
def _counter() -> Callable[[str], int]:
    try:
        return import_module("rs_bpe.bpe").openai.o200k_base().count
    except ImportError:
        encode = import_module("bpe_openai").get_encoding(TOKENIZER).encode_ordinary
        return lambda text: len(encode(text))
