"""Bounds what returns to a model: values by their shape, texts by their beginning and end.

The bound covers everything: the value, what was printed, and the error. What is bounded is always
valid JSON, and says where the whole is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

Count = Callable[[str], int]

_KEYS: Final = 30
_DEPTH: Final = 4


_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def compact(value: Any) -> str:
    """Write JSON without spaces: what the tokens of a value are counted on."""
    return _COMPACT(value)


def shape_of(value: Any, budget: int, count: Count) -> Any:
    """Describe ``value`` in at most ``budget`` tokens: type, counts, keys, and a few samples.

    Tries generous samples first, then ever smaller ones.
    """
    for samples, characters in ((5, 400), (3, 200), (2, 80), (1, 40), (0, 20)):
        shown = _describe(value, samples, characters, depth=0)
        if count(compact(shown)) <= budget:
            return shown
    return {"type": _kind(value)}


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _describe(value: Any, samples: int, characters: int, depth: int) -> Any:
    match value:
        case list():
            items = cast("list[Any]", value)
            shown: dict[str, Any] = {"type": "array", "length": len(items), "items": _items(items, depth)}
            if samples:
                shown["sample"] = [_sample(item, characters, depth=0) for item in items[:samples]]
            return shown
        case dict():
            return _describe_object(cast("dict[str, Any]", value), samples, characters, depth)
        case str():
            beginning = value[:characters] + ("…" if len(value) > characters else "")
            return {"type": "string", "length": len(value), "beginning": beginning}
        case _:
            return {"type": _kind(value), "value": _sample(value, characters, depth=0)}


def _describe_object(value: Mapping[str, Any], samples: int, characters: int, depth: int) -> Any:
    shown: dict[str, Any] = {"type": "object", "keys": len(value)}
    if depth >= _DEPTH or not samples:
        shown["names"] = [_cut(name, characters) for name in list(value)[: 5 if samples else 0]]
        return shown
    shown["properties"] = {
        _cut(name, characters): _describe(item, max(1, samples // 2), characters, depth + 1)
        if isinstance(item, dict | list | str)
        else item
        for name, item in list(value.items())[:_KEYS]
    }
    return shown


def _items(items: Sequence[Any], depth: int) -> Any:
    """The types of an array's items; for objects the types of each key, over all items."""
    kinds = sorted({_kind(item) for item in items})
    objects = [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
    if len(objects) != len(items) or not objects or depth >= _DEPTH:
        return " | ".join(kinds) or "nothing"
    types: dict[str, set[str]] = {}
    for each in objects:
        for name, item in each.items():
            if name in types or len(types) < _KEYS:
                types.setdefault(name, set()).add(_kind(item))
    seen = {name: sum(name in each for each in objects) for name in types}
    return {
        _cut(name, 60) + ("" if seen[name] == len(objects) else "?"): " | ".join(sorted(kinds))
        for name, kinds in types.items()
    }


def _sample(value: Any, characters: int, depth: int) -> Any:
    """A value with its long texts and lists cut, to show what is in it."""
    match value:
        case str():
            return _cut(value, characters)
        case list():
            items = cast("list[Any]", value)
            if depth >= _DEPTH:
                return f"… {len(items)} items"
            kept = [_sample(item, characters, depth + 1) for item in items[:3]]
            return kept if len(items) <= 3 else [*kept, f"… {len(items) - 3} more"]
        case dict():
            pairs = list(cast("dict[str, Any]", value).items())
            if depth >= _DEPTH:
                return f"… {len(pairs)} keys"
            kept_pairs = {
                _cut(key, characters): _sample(item, characters, depth + 1) for key, item in pairs[:_KEYS]
            }
            return kept_pairs if len(pairs) <= _KEYS else {**kept_pairs, "…": f"{len(pairs) - _KEYS} more"}
        case int() if value.bit_length() > 4 * characters + 64:
            return f"an integer of {value.bit_length()} bits"
        case _:
            return value


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}… ({len(text)} characters)"


def bound_text(text: str, budget: int, count: Count, *, whole: str = "") -> str:
    """Keep the beginning and the end of ``text`` within ``budget`` tokens.

    ``whole`` says, in the mark of what is left out, where the rest is.
    """
    # A token has at least one byte, so short texts need not be counted.
    if len(text.encode("utf-8", "replace")) <= budget or count(text) <= budget:
        return text
    # A token is some four characters of English; start there and shrink until it fits.
    keep = budget * 4
    while keep > 16:
        mark = f"\n… {len(text) - keep:,} of {len(text):,} characters left out{whole} …\n"
        shown = text[: keep * 2 // 3] + mark + text[-(keep - keep * 2 // 3) :]
        if keep < len(text) and count(shown) <= budget:
            return shown
        keep = min(keep * 3 // 4, len(text) - 1)
    return ""
