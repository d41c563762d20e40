"""JSON values and texts as Python source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

_QUOTES = re.compile(r'"(?="|\Z)')


def string(text: str) -> str:
    """Return a string literal in one line; whatever is not printable is escaped."""
    quoted = repr(text)
    if quoted[0] == "'" and '"' not in text:
        return f'"{quoted[1:-1]}"'
    return quoted


def scalar(json: object) -> str:
    """Return a JSON value without parts as an expression."""
    return string(json) if isinstance(json, str) else repr(json)


def docstring_body(text: str) -> str:
    """Return ``text`` so that it can stand between triple quotes and ends nothing."""
    return _QUOTES.sub(r"\"", text.replace("\\", "\\\\"))


def value(json: object, limit: int) -> str:
    """Return a JSON value as a short Python expression; ``…`` where it is too long or no JSON.

    The result is for people. It may be cut, and is never put into code.
    """
    shown = _value(json, limit, 4)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _value(json: object, limit: int, depth: int) -> str:
    if isinstance(json, str):
        return string(json[:limit])
    if isinstance(json, bool | float) or json is None:
        return repr(json)
    if isinstance(json, int):
        return repr(json) if json.bit_length() <= 256 else "…"
    if depth == 0 or limit <= 0:
        return "…"
    if isinstance(json, Mapping):
        parts = [
            f"{string(str(key)[:limit])}: {_value(member, limit, depth - 1)}"
            for key, member in list(cast("Mapping[str, object]", json).items())[:20]
        ]
        return "{" + ", ".join(parts) + ("" if len(cast("Mapping[str, object]", json)) <= 20 else ", …") + "}"
    if isinstance(json, list | tuple):
        entries = cast("list[object]", json)
        shown = [_value(entry, limit, depth - 1) for entry in entries[:20]]
        return "[" + ", ".join(shown) + ("" if len(entries) <= 20 else ", …") + "]"
    return "…"
