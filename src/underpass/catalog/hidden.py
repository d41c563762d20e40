"""Characters that a person does not see and a model reads: found, and taken out of what a server says."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, cast

from underpass.catalog.schema_repair import LISTS_OF_SCHEMAS, MAPS_OF_SCHEMAS, SCHEMAS, NotASchema

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad"  # controls, soft hyphen
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # joiners, marks and fillers
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"  # zero-width, bidirectional, invisible
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff"  # lone surrogates, private use
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors, tags
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "]"
)
_ESCAPES = ("\\u", "\\b", "\\f")
"""How JSON writes those of them that are controls."""
_TEXTS = ("description", "title", "$comment")
_SHOWN = 4


def hidden_in(text: str) -> list[str]:
    """Return the hidden characters of a text.

    What stands where it belongs is not hidden: the selector and the joiner of an emoji, a joiner within
    a word of a script that needs it, a direction mark in a text that has right-to-left letters.
    """
    return [text[at] for at in _places(text)]


def without_hidden(text: str) -> str:
    """Return a text without its hidden characters."""
    places = set(_places(text))
    return "".join(letter for at, letter in enumerate(text) if at not in places) if places else text


def may_hide(document: str) -> bool:
    """Whether JSON text may hold hidden characters; rarely true where it does not."""
    return bool(_HIDDEN.search(document)) or any(escape in document for escape in _ESCAPES)


class Revealer:
    """Takes the hidden characters out of one tool's definition, and notes what it took."""

    def __init__(self) -> None:
        self._taken: dict[str, list[str]] = {}

    @property
    def faults(self) -> list[str]:
        """What was taken, from where."""
        return [f"{_count(letters)} in {place} taken out" for place, letters in self._taken.items()]

    def text(self, text: str, place: str) -> str:
        """Return a text without them."""
        if letters := hidden_in(text):
            self._note(place, letters)
            return without_hidden(text)
        return text

    def value(self, value: object, place: str) -> object:
        """Return a JSON value whose texts have none; members with one in their key are left out."""
        if isinstance(value, str):
            return self.text(value, place)
        if isinstance(value, list):
            return [self.value(item, place) for item in cast("list[object]", value)]
        if isinstance(value, dict):
            members = cast("dict[str, object]", value).items()
            return {key: self.value(item, place) for key, item in members if not self._hides(key, place)}
        return value

    def schema(self, schema: object, place: str) -> Any:
        """Return a JSON Schema without them.

        Texts lose them. A value that must be sent as it is (a name, a choice, a default) is left out.

        Raises:
            NotASchema: the name of a required member has one.
        """
        if not isinstance(schema, dict):
            return schema
        kept: dict[str, object] = {}
        for key, value in cast("dict[str, object]", schema).items():
            if not self._hides(key, place):
                self._keyword(key, value, place, kept)
        return kept

    def _keyword(self, key: str, value: object, place: str, kept: dict[str, object]) -> None:
        if key in MAPS_OF_SCHEMAS and isinstance(value, dict):
            members = cast("dict[str, object]", value).items()
            kept[key] = {
                name: self.schema(part, place) for name, part in members if not self._hides(name, place)
            }
        elif key in LISTS_OF_SCHEMAS and isinstance(value, list):
            kept[key] = [self.schema(part, place) for part in cast("list[object]", value)]
        elif key == "items" or key in SCHEMAS:
            listed = isinstance(value, list)
            parts = [self.schema(part, place) for part in cast("list[object]", value if listed else [value])]
            kept[key] = parts if listed else parts[0]
        elif key in _TEXTS and isinstance(value, str):
            kept[key] = self.text(value, place)
        elif key == "enum" and isinstance(value, list):
            if choices := [each for each in cast("list[object]", value) if not self._hides(each, place)]:
                kept[key] = choices
        elif not self._hides(value, place):
            kept[key] = value
        elif key == "required":
            raise NotASchema("the name of a required parameter has hidden characters")

    def _hides(self, value: object, place: str) -> bool:
        letters = _all_hidden(value)
        if letters:
            self._note(place, letters)
        return bool(letters)

    def _note(self, place: str, letters: list[str]) -> None:
        self._taken.setdefault(place, []).extend(letters)


def _all_hidden(value: object) -> list[str]:
    if isinstance(value, str):
        return hidden_in(value)
    if isinstance(value, dict):
        members = cast("dict[str, object]", value).items()
        return [letter for member in members for part in member for letter in _all_hidden(part)]
    if isinstance(value, list):
        return [letter for item in cast("list[object]", value) for letter in _all_hidden(item)]
    return []


def _count(letters: list[str]) -> str:
    kinds = [f"U+{ord(letter):04X}" for letter in dict.fromkeys(letters)]
    shown = ", ".join(kinds[:_SHOWN]) + (" …" if len(kinds) > _SHOWN else "")
    return f"{len(letters)} hidden character{'s' if len(letters) > 1 else ''} ({shown})"


def _places(text: str) -> list[int]:
    return (
        []
        if text.isascii() and text.isprintable()
        else [found.start() for found in _HIDDEN.finditer(text) if not _belongs(text, found.start())]
    )


def _belongs(text: str, at: int) -> bool:
    letter = text[at]
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if letter in "\ufe0e\ufe0f":
        # After a symbol or the base of a keycap; never several in a row, which can spell out a message.
        return bool(before) and (unicodedata.category(before)[0] == "S" or before in "0123456789#*‼⁉〰〽")
    if letter in "\u200c\u200d" and _joins(before) and _joins(after):
        return True
    if letter == "\u200d":
        return (
            bool(before and after)
            and (before == "\ufe0f" or unicodedata.category(before) in {"So", "Sk"})
            and unicodedata.category(after) == "So"
        )
    if letter in "\u200e\u200f\u061c":
        return any(unicodedata.bidirectional(other) in {"R", "AL"} for other in text if other.isalpha())
    return False


def _joins(letter: str) -> bool:
    """Whether it is of a script with joined letters: from Arabic to the scripts of India and Myanmar."""
    return bool(letter) and "\u0600" <= letter <= "\u10ff" and unicodedata.category(letter)[0] in "LM"
