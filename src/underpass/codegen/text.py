"""Other people's words, made safe to show: bounded, without invisible or reordering characters."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_JOINERS: Final = "\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff"
"""Invisible characters with honest uses in running text; they vanish without a trace."""

_REPLACEMENT: Final = "\ufffd"
_PRINTABLE_AND_HIDDEN = re.compile("[\u034f\U000e0000-\U000e0fff]")
_NEWLINE = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_BLANKS = re.compile(r"\s+")
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n{3,}")


def clean(text: str, limit: int) -> str:
    """Return ``text`` as lines of visible characters, at most ``limit`` of them.

    Each run of invisible or reordering characters becomes one replacement character, so that a
    reader sees that something was hidden there.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text.strip()  # most texts are plain
    cut = text[: limit + 1]
    cut = _NEWLINE.sub("\n", cut).replace("\t", "    ")
    plain = cut.replace("\n", "")
    if not plain.isprintable() or (not plain.isascii() and _PRINTABLE_AND_HIDDEN.search(plain)):
        cut = _visible(cut)
    cut = _EMPTY_LINES.sub("\n\n", _dedented(_TRAILING.sub("", cut))).strip()
    return cut if len(cut) <= limit and len(text) <= limit else f"{cut[: limit - 2].rstrip()} …"


def clean_line(text: str, limit: int) -> str:
    """Return ``text`` as one line of visible characters, at most ``limit`` of them."""
    line = clean(text[: 2 * limit], 2 * limit)
    if "  " in line or "\n" in line or not line.isascii():
        line = _BLANKS.sub(" ", line)
    return line if len(line) <= limit and len(text) <= 2 * limit else f"{line[: limit - 2].rstrip()} …"


def _dedented(text: str) -> str:
    """Take out the indentation that the lines after the first have in common, as docstrings have it."""
    first, *others = text.split("\n")
    margin = min((len(line) - len(line.lstrip(" ")) for line in others if line), default=0)
    return "\n".join([first, *(line[margin:] for line in others)]) if margin else text


def _visible(text: str) -> str:
    shown: list[str] = []
    for letter in text:
        if letter == "\n" or " " <= letter <= "~":
            shown.append(letter)
        elif letter not in _JOINERS:
            hidden = _is_hidden(letter)
            if not hidden:
                shown.append(letter)
            elif not shown or shown[-1] != _REPLACEMENT:
                shown.append(_REPLACEMENT)
    return "".join(shown)


def _is_hidden(letter: str) -> bool:
    if "\U000e0000" <= letter <= "\U000e0fff":
        return True
    category = unicodedata.category(letter)
    return category in {"Cc", "Cf", "Cs", "Co", "Cn"}
