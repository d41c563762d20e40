"""Bounds what returns to a model: values by their shape, texts by their beginning and end.

The bound covers everything: the value, what was printed, and the error. What is bounded is always
valid JSON, and says where the whole is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from underpass.execution.columns import KEYS, columns, cut, describe

Count = Callable[[str], int]

_DEPTH: Final = 4
_STEPS: Final = (
    (5, 400, KEYS), (3, 200, KEYS), (2, 80, KEYS), (1, 80, KEYS), (1, 40, 20),
    (0, 40, 20), (0, 20, 8), (0, 20, 3),
)  # fmt: skip
"""Samples, characters of a text, and keys: what is tried one after the other."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{64,}={0,2}")

_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def compact(value: Any) -> str:
    """Write JSON without spaces: what the tokens of a value are counted on."""
    return _COMPACT(value)


def shape_of(value: Any, budget: int, count: Count) -> Any:
    """Describe ``value`` in at most ``budget`` tokens: types, counts, keys, ranges, and a few samples.

    Tries generous samples first, then ever smaller ones. A budget below some eight tokens may be too small
    for any description; the type alone is given then.
    """
    shape = _Shape()
    for samples, characters, keys in _STEPS:
        shown = shape.describe(value, samples, characters, keys)
        if count(compact(shown)) <= budget:
            return shown
    shown = {"type": _kind(value)}
    if isinstance(value, dict | list | str):
        sized = {**shown, "length": len(cast("list[Any]", value))}
        return sized if count(compact(sized)) <= budget else shown
    return shown


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


class _Shape:
    """Descriptions of one value. What takes a look at every item is done once, whatever the budget."""

    def __init__(self) -> None:
        self._items: dict[int, tuple[str | dict[str, str], int]] = {}

    def describe(self, value: Any, samples: int, characters: int, keys: int, depth: int = 0) -> Any:
        match value:
            case list():
                items = cast("list[Any]", value)
                shown: dict[str, Any] = {"type": "array", "length": len(items)}
                return shown | self._described(value, items, samples, characters, keys)
            case dict():
                return self._object(cast("dict[str, Any]", value), samples, characters, keys, depth)
            case str():
                return _text(value, characters)
            case _:
                return {"type": _kind(value), "value": _sample(value, characters, depth=0)}

    def _object(
        self, value: Mapping[str, Any], samples: int, characters: int, keys: int, depth: int
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {"type": "object", "keys": len(value)}
        if len(value) > KEYS and len(set(map(type, value.values()))) == 1:
            # Not a record: its keys are data, and its values are as the items of an array.
            shown["names"] = [cut(name, characters) for name in list(value)[: max(samples, 1)]]
            return shown | self._described(value, list(value.values()), samples, characters, keys)
        if depth >= _DEPTH or not samples:
            names = list(value)[:keys]
            shown["names"] = [cut(name, characters) for name in names]
            return shown
        inner = max(1, samples // 2)
        shown["properties"] = {
            cut(name, characters): self.describe(item, inner, characters, keys, depth + 1)
            if isinstance(item, dict | list | str)
            else _sample(item, characters, depth=0)
            for name, item in list(value.items())[:keys]
        }
        if len(value) > keys:
            shown["properties"]["…"] = f"{len(value) - keys} more"
        return shown

    def _described(
        self, owner: Any, items: list[Any], samples: int, characters: int, keys: int
    ) -> dict[str, Any]:
        if id(owner) not in self._items:
            is_table = bool(items) and all(isinstance(item, dict) for item in items)
            self._items[id(owner)] = columns(items) if is_table else (describe(items), 0)
        facts, more = self._items[id(owner)]
        if isinstance(facts, str):
            facts = cut(facts, 20 * keys)
        else:
            more += max(len(facts) - keys, 0)
            facts = {name: cut(text, 5 * characters) for name, text in list(facts.items())[:keys]}
            facts |= {"…": f"{more} more keys"} if more else {}
        shown: dict[str, Any] = {"items": facts}
        if samples:
            shown["sample"] = [_sample(item, characters, depth=0) for item in items[:samples]]
        return shown


def _text(value: str, characters: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "string", "length": len(value)}
    if len(value) <= characters:
        return shown | {"beginning": value}
    if lines := value.count("\n"):
        shown["lines"] = lines + (not value.endswith("\n"))
    if (size := len(value.encode("utf-8", "surrogatepass"))) != len(value):
        shown["bytes"] = size
    if len(value) % 4 == 0 and _looks_encoded(value):
        shown["holds"] = f"{len(value) * 3 // 4 - value[-2:].count('=')} bytes in base64"
        return shown | {"beginning": f"{value[: characters // 8]}…"}
    return shown | {"beginning": f"{value[:characters]}…", "ending": f"…{value[-(characters // 3) :]}"}


def _looks_encoded(value: str) -> bool:
    start = value[:256]
    kinds = (str.islower, str.isupper, str.isdigit)
    return all(any(map(kind, start)) for kind in kinds) and _BASE64.fullmatch(value) is not None


def _sample(value: Any, characters: int, depth: int) -> Any:
    """A value with its long texts and lists cut, to show what is in it."""
    match value:
        case str():
            return cut(value, characters)
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
                cut(key, characters): _sample(item, characters, depth + 1) for key, item in pairs[:KEYS]
            }
            return kept_pairs if len(pairs) <= KEYS else {**kept_pairs, "…": f"{len(pairs) - KEYS} more"}
        case int() if value.bit_length() > 4 * characters + 64:
            return f"an integer of {value.bit_length()} bits"
        case _:
            return value


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
