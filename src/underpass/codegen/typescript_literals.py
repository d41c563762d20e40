"""JSON values and texts as TypeScript source."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from underpass.codegen.text import clean

_TAG = re.compile(r"(?<!\w)@(?=\w)")
_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def string(text: str) -> str:
    """Return a string literal in one line; whatever is not printable is escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def key(name: str) -> str:
    """Return a member's name as it stands in an object type: quoted unless it is a plain word."""
    return name if _KEY.fullmatch(name) else string(name)


def member(name: str) -> str:
    """Return a member's name as it stands in an object: ``__proto__`` would be more than a name."""
    return '["__proto__"]' if name == "__proto__" else key(name)


def scalar(given: object) -> str:
    """Return a JSON value without parts as an expression."""
    return string(given) if isinstance(given, str) else json.dumps(given)


def comment(text: str, indentation: str = "") -> str:
    """Return a documentation comment that holds ``text`` and ends nothing; empty for an empty text.

    A tag of the text's own (``@deprecated``, ``@ts-ignore``) is no tag of the comment.
    """
    text = text.replace("*/", "*\\/")
    if "@" in text:
        text = _TAG.sub(r"\\@", text)
    if "\n" not in text:
        return f"/** {text} */" if text else ""
    lines = [f"{indentation} * {line}".rstrip() for line in text.split("\n")]
    return "\n".join(["/**", *lines, f"{indentation} */"])


def description(text: str, limit: int) -> str:
    """Return a documentation comment at the start of a line, of at most ``limit`` characters of text."""
    return comment(clean(text, limit))


def value(json: object, limit: int) -> str:
    """Return a JSON value as a short expression; ``…`` where it is too long or no JSON.

    The result is for people. It may be cut, and is never put into code.
    """
    shown = _value(json, limit, 4)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _value(given: object, limit: int, depth: int) -> str:
    if isinstance(given, str):
        return string(given[:limit])
    if isinstance(given, bool | float) or given is None:
        return json.dumps(given)
    if isinstance(given, int):
        return repr(given) if given.bit_length() <= 256 else "…"
    if depth == 0 or limit <= 0:
        return "…"
    if isinstance(given, Mapping):
        members = cast("Mapping[str, object]", given)
        parts = [
            f"{key(str(name)[:limit])}: {_value(member, limit, depth - 1)}"
            for name, member in list(members.items())[:20]
        ]
        more = ["…"] if len(members) > 20 else []
        return f"{{ {', '.join([*parts, *more])} }}" if parts else "{}"
    if isinstance(given, list | tuple):
        entries = cast("list[object]", given)
        parts = [_value(entry, limit, depth - 1) for entry in entries[:20]]
        return f"[{', '.join([*parts, *(['…'] if len(entries) > 20 else [])])}]"
    return "…"
