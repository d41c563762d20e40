"""What all values of one place have in common, in a line: types, ranges, counts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

KEYS: Final = 30
"""Keys of the rows of a table that are described, the first that occur."""
_NESTED_KEYS: Final = 8
_DEPTH: Final = 3
_FEW: Final = 5
"""Different texts that are all named, with how often each occurs."""
_SHORT: Final = 30
_NAME: Final = 60
_HUGE: Final = 64
"""Bits of an integer from which its digits say little."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?")
_PLAIN: Final = re.compile(r"\w+")


def columns(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], int]:
    """Describe each key of a table's rows, and say how many more there are.

    A ``?`` after a key says that some rows lack it.
    """
    return _columns(rows, KEYS, depth=0)


def describe(values: Sequence[Any]) -> str:
    """Describe values in a line: ``integer 1..9 | null (2)``."""
    return _describe(values, depth=0)


def _columns(rows: Sequence[Mapping[str, Any]], most: int, depth: int) -> tuple[dict[str, str], int]:
    names = list(dict.fromkeys(chain.from_iterable(rows)))
    found: dict[str, str] = {}
    for name in names[:most]:
        values = [row[name] for row in rows if name in row]
        text = _describe(values, depth)
        if len(values) < len(rows):
            text += f", missing in {len(rows) - len(values)}"
        found[cut(name, _NAME) + ("?" if len(values) < len(rows) else "")] = text
    return found, max(len(names) - most, 0)


def _describe(values: Sequence[Any], depth: int) -> str:
    kinds = Counter(map(type, values))
    parts: list[str] = []
    if dict in kinds:
        parts.append(_objects(_of(dict, values), depth))
    if list in kinds:
        parts.append(_arrays(_of(list, values), depth))
    if bool in kinds:
        true = sum(value is True for value in values)
        parts.append(f"boolean, {true} of {kinds[bool]} true")
    if int in kinds or float in kinds:
        numbers = [value for value in values if type(value) in {int, float}]
        parts.append(("number" if float in kinds else "integer") + _range(numbers))
    if str in kinds:
        parts.append(_texts(_of(str, values)))
    if type(None) in kinds:
        parts.append(f"null ({kinds[type(None)]})" if len(kinds) > 1 else "null")
    return " | ".join(parts) or "nothing"


def _of(kind: type, values: Sequence[Any]) -> list[Any]:
    return [value for value in values if type(value) is kind]


def _objects(values: Sequence[Mapping[str, Any]], depth: int) -> str:
    if depth >= _DEPTH:
        return "object"
    inner, more = _columns(values, _NESTED_KEYS, depth + 1)
    parts = [f"{_name(name)}: {text}" for name, text in inner.items()]
    return f"{{{', '.join([*parts, f'… {more} more keys'] if more else parts)}}}"


def _arrays(values: Sequence[Sequence[Any]], depth: int) -> str:
    lengths = sorted({len(value) for value in values})
    size = str(lengths[0]) if len(lengths) == 1 else f"{lengths[0]}..{lengths[-1]}"
    if depth >= _DEPTH or not lengths[-1]:
        return f"array of {size}"
    return f"array of {size}: {_describe(list(chain.from_iterable(values)), depth + 1)}"


def _range(numbers: Iterable[float]) -> str:
    ordered = sorted({min(numbers), max(numbers)})  # one of them where all are the same
    if any(isinstance(each, int) and each.bit_length() > _HUGE for each in ordered):
        return f" of up to {max(int(each).bit_length() for each in ordered)} bits"
    shown = [str(each) if isinstance(each, int) else f"{each:.6g}" for each in ordered]
    return f" {'..'.join(dict.fromkeys(shown))}"


def _texts(texts: Sequence[str]) -> str:
    different = Counter(texts)
    if (
        len(different) <= _FEW
        and len(different) < len(texts)
        and all(len(each) <= _SHORT for each in different)
    ):
        named = ", ".join(
            f"{json.dumps(text, ensure_ascii=False)} ({n})" for text, n in different.most_common()
        )
        return f"string {named}"
    least, most = min(texts), max(texts)
    if least != most and _DATE.fullmatch(least) and _DATE.fullmatch(most):
        return f"string {least}..{most}"
    longest = max(map(len, texts))
    return f"string, {len(different)} different" + (
        f", up to {longest} characters" if longest > _SHORT else ""
    )


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name.removesuffix("?")) else json.dumps(name, ensure_ascii=False)


def cut(text: str, characters: int) -> str:
    """Return the beginning of a text, with how long it is where something is left out."""
    return text if len(text) <= characters else f"{text[:characters]}… ({len(text)} characters)"
