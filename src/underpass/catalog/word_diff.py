"""Two definitions word by word: what a person looks at before trusting a tool again."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal, cast

from underpass.catalog.changes import PARTS

_WORDS = re.compile(r"\s+|[^\s]+")
_MOST_WORDS: Final = 4000
"""More are not aligned: that takes quadratic time, and a server chooses the texts."""

Mark = Literal["same", "removed", "added"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One text of a definition that differs."""

    place: str
    """``description``, or a path such as ``inputSchema/properties/path/type``."""
    words: tuple[tuple[Mark, str], ...]
    """The text in pieces; invisible characters are written out."""


def word_diff(trusted: Mapping[str, Any] | None, found: Mapping[str, Any] | None) -> list[Difference]:
    """Return every text that differs between two definitions; None stands for no tool."""
    before, after = dict(_texts(trusted)), dict(_texts(found))
    places = [*before, *(place for place in after if place not in before)]
    return [
        Difference(place, tuple(_words(before.get(place), after.get(place))))
        for place in places
        if before.get(place) != after.get(place)
    ]


def _texts(definition: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    pending: list[tuple[str, Any]] = [(part, (definition or {}).get(part)) for part in reversed(PARTS)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, Mapping) and value:
            members = sorted(cast("Mapping[str, Any]", value).items(), reverse=True)
            pending += ((f"{place}/{_visible(key)}", member) for key, member in members)
        elif isinstance(value, str):
            if value:
                yield place, _visible(value)
        elif value is not None or "/" in place:
            yield place, _visible(json.dumps(value, ensure_ascii=False))


def _words(before: str | None, after: str | None) -> Iterator[tuple[Mark, str]]:
    old, new = _WORDS.findall(before or ""), _WORDS.findall(after or "")
    if max(len(old), len(new)) > _MOST_WORDS:
        steps = [("replace", 0, len(old), 0, len(new))]
    else:
        steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for kind, start, end, new_start, new_end in steps:
        if kind == "equal":
            yield "same", "".join(old[start:end])
            continue
        if start < end:
            yield "removed", "".join(old[start:end])
        if new_start < new_end:
            yield "added", "".join(new[new_start:new_end])


def _visible(text: str) -> str:
    r"""Write out what a reader would not see: ``\u{e0041}``."""
    return "".join(
        letter if letter in "\n\t" or not _is_hidden(letter) else f"\\u{{{ord(letter):x}}}" for letter in text
    )


def _is_hidden(letter: str) -> bool:
    # Other, separators of lines and paragraphs, and the selectors that change nothing by themselves.
    return unicodedata.category(letter) in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"} or (
        "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef"
    )
