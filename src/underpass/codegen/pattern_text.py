"""A text that a regular expression matches, for the common part of their language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_ESCAPES: Final = {"d": "1", "w": "a", "s": " ", "S": "a", "D": "a", "W": "-", "n": "\n", "t": "\t"}
_NOTHING: Final = frozenset("bBAZzG")
_PREFERRED: Final = ("a", "1", "A", "-", "_", ".", "/", " ", "~")
"""Tried in this order where a class excludes characters."""

_LONGEST = 200


def matching_text(pattern: str) -> str | None:
    """Return a short text that ``pattern`` is meant to match, or None if it is beyond this reader.

    Alternatives count by their first, repetitions by their least number. The pattern itself is never run,
    so the text must be tried by someone who bounds the time that this takes.
    """
    reader = _Reader(pattern[: _LONGEST + 1])
    try:
        text = reader.alternatives()
    except (_BeyondError, IndexError, RecursionError):
        return None
    return text if reader.place == len(pattern) and len(text) <= _LONGEST else None


class _BeyondError(Exception):
    """The pattern uses something that is not read here."""


@dataclass(slots=True)
class _Reader:
    pattern: str
    place: int = 0

    def alternatives(self) -> str:
        first = self._sequence()
        while self._peek() == "|":
            self.place += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        text = ""
        while self._peek() not in {"", "|", ")"}:
            part = self._atom()
            text += part * self._least()
            if len(text) > _LONGEST:
                raise _BeyondError
        return text

    def _atom(self) -> str:
        sign = self._take()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._class()
        if sign == "\\":
            return self._escape()
        if sign in "^$":
            return ""
        if sign in "*+?{":
            raise _BeyondError
        return "a" if sign == "." else sign

    def _group(self) -> str:
        if self._peek() == "?":
            self.place += 1
            if self._take() != ":":
                raise _BeyondError  # what looks around, names or sets flags
        text = self.alternatives()
        if self._take() != ")":
            raise _BeyondError
        return text

    def _escape(self) -> str:
        sign = self._take()
        if sign in _NOTHING:
            return ""
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        if sign.isalnum():
            raise _BeyondError  # a reference back, a code point, a property
        return sign

    def _class(self) -> str:
        excluded = self._peek() == "^"
        self.place += excluded
        ranges: list[tuple[str, str]] = []
        while not ranges or self._peek() != "]":
            low = self._member()
            high = low
            if self._peek() == "-" and self.pattern[self.place + 1] != "]":
                self.place += 1
                high = self._member()
            ranges.append((low, high))
        self.place += 1
        if not excluded:
            return ranges[0][0]
        for sign in _PREFERRED:
            if not any(low <= sign <= high for low, high in ranges):
                return sign
        raise _BeyondError

    def _member(self) -> str:
        sign = self._take()
        return self._escape() if sign == "\\" else sign

    def _least(self) -> int:
        """Read a repetition, and return how often it asks for what it repeats at least."""
        sign = self._peek()
        if sign and sign in "*+?":
            self.place += 1
            least = int(sign == "+")
        elif sign == "{":
            end = self.pattern.index("}", self.place) if "}" in self.pattern[self.place :] else -1
            low = self.pattern[self.place + 1 : end].partition(",")[0]
            if end < 0 or not low.isdecimal() or len(low) > 3:
                raise _BeyondError
            self.place = end + 1
            least = int(low)
        else:
            return 1
        if self._peek() in {"?", "+"}:  # lazy or possessive
            self.place += 1
        return least

    def _peek(self) -> str:
        return self.pattern[self.place : self.place + 1]

    def _take(self) -> str:
        self.place += 1
        return self.pattern[self.place - 1]
