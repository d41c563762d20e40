"""What of a result may be kept: names that its author chose, never the data.

The keys of an object are often data: identifiers, paths, addresses, dates. And a list of values that a
text takes is a list of values. So both are kept only where their form, or the key above them, says that
they were chosen by whoever wrote the tool. In doubt they are not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

KeyKind = Literal["data", "name", "choice"]

_NAME = re.compile(r"[@$]?[^\W\d][\w-]*")
_LONGEST_NAME = 40
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_MOST_DIGITS = 3
_CHOICES: Final = frozenset(
    {"action", "conclusion", "direction", "encoding", "kind", "level", "method", "mode", "outcome", "phase"}
    | {"priority", "protocol", "resolution", "severity", "side", "stage", "state", "status", "type", "unit"}
    | {"visibility"}
)
"""Last words of keys whose values are one of a few that the tool's author chose."""
_CHOICE = re.compile(
    r"[a-z]+(?:[_-][a-z]+){0,3}|[A-Z]+(?:[_-][A-Z]+){0,3}|[A-Za-z][a-z]+(?:[A-Z][a-z]{2,}){0,3}"
)
_LONGEST_CHOICE = 24

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URI = re.compile(r"[a-z][a-z0-9+.-]{1,9}://[!-~]+")
_LONGEST_FORMAT = 500


def key_kind(key: str) -> KeyKind:
    """Return whether an object's key is ``data``, a ``name``, or the name of a ``choice``.

    A name is one word of at most 40 letters, digits, ``_`` and ``-``, with three digits at most: no
    e-mail address, path, domain, date, identifier or secret.
    """
    # Longer keys are not worth remembering, and might be megabytes.
    return "data" if len(key) > _LONGEST_NAME else _kind(key)


@lru_cache(maxsize=8_192)
def _kind(key: str) -> KeyKind:
    if _NAME.fullmatch(key) is None or sum(map(str.isdigit, key)) > _MOST_DIGITS:
        return "data"
    words = _WORD.findall(key)
    return "choice" if words and words[-1].lower() in _CHOICES else "name"


def is_choice(text: str) -> bool:
    """Whether a text can be one of a few: up to four words of letters alone, 24 characters."""
    return len(text) <= _LONGEST_CHOICE and _CHOICE.fullmatch(text) is not None


def format_of(text: str) -> str | None:
    """Return the JSON Schema format of a text: ``date-time``, ``date``, ``uuid``, ``uri`` or None."""
    size = len(text)
    if not 8 <= size <= _LONGEST_FORMAT:
        return None
    if text[4] == "-" and (date := _DATE.fullmatch(text)):
        return "date-time" if date[1] else "date"
    if size == 36 and _UUID.fullmatch(text):
        return "uuid"
    return "uri" if "://" in text[:13] and _URI.fullmatch(text) else None
