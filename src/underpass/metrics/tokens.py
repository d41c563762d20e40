"""Counting tokens, with a vocabulary that ships in a package."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module

TOKENIZER = "o200k_base"
"""The vocabulary of every count that Underpass publishes."""

_CHUNK = 30_000
"""Characters counted at a time: the tokenizer holds the interpreter's lock while it counts."""
_LONGEST = 50_000
"""Characters at which a chunk is cut wherever it stands: ``bpe-openai`` refuses 200,000 tokens."""

# o200k splits a text into words before it looks for tokens. A word always ends before a space that
# follows a visible character, and before these signs when they follow an ASCII letter or digit: a
# text that is cut there has as many tokens as its parts together.
_SAFE_CUT = re.compile(r"""(?<=\S) |(?<=[A-Za-z0-9])[",:;()\[\]{}]""")


def count(text: str) -> int:
    """Return the number of o200k tokens of ``text``.

    The count is exact for prose, code and JSON, compact JSON included. Only where 20,000 characters
    hold no space and none of the signs of JSON is a text cut within a word, which may add one or two
    tokens each time. Safe to call from several threads at once.
    """
    counter = _counter()
    if len(text) <= _CHUNK:
        return counter(_valid(text))
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
