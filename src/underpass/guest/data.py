"""Small helpers for lists of dicts, as tools give them: no pandas needed.

Each takes rows: a list of dicts (anything else in it counts as ``{"value": it}``; None is no rows). A column
is a key, or a path of keys: ``"user.login"``. A missing key counts as None. Texts, numbers and the rest may
be mixed in a column: numbers come first, then texts; NaN, infinities and booleans are no numbers.
TypeScript programs have the same in ``mcp-runtime/data``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, TypeGuard

__all__ = ["chunked", "group", "summarize", "table", "top"]

_MISSING: Any = object()
_COMMON = 3
"""Values that a summary names."""
_DEPTH = 50
"""Levels of a value that are shown."""


def table(
    rows: Iterable[Any] | None, columns: Sequence[str] | None = None, *, limit: int = 20, width: int = 60
) -> str:
    """Return rows as a Markdown table: what to print or return in place of the rows.

    Parameters:
        columns: which, in order; by default all that occur.
        limit: how many rows; the last line says how many more there are.
        width: characters of a cell, at least one.
    """
    every = _rows(rows)
    names = _columns(every) if columns is None else _names(columns)
    if not names:
        return f"({len(every)} rows without columns)" if every else "(no rows)"
    lines = [[_fitted(str(name), width) for name in names], ["---"] * len(names)]
    shown = every[: max(limit, 0)]
    lines += [[_fitted(_text(_value(row, name)), width) for name in names] for row in shown]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return text if len(shown) == len(every) else f"{text}\n… {len(every) - len(shown)} more rows"


def summarize(rows: Iterable[Any] | None) -> dict[str, Any]:
    """Return ``rows``, their number, and ``columns``, with the facts of each.

    These are ``types`` (how many values of each), ``missing`` (rows without the key), ``distinct``; ``min``
    and ``max``; for numbers ``mean`` and ``sum``; for texts ``common``, the most frequent with their counts.
    """
    every = _rows(rows)
    return {"rows": len(every), "columns": {name: _summary(every, name) for name in _columns(every)}}


def group(
    rows: Iterable[Any] | None,
    by: str | Sequence[str],
    *,
    sum: str | Sequence[str] = (),  # noqa: A002 - the word that everybody expects
    mean: str | Sequence[str] = (),
    min: str | Sequence[str] = (),  # noqa: A002
    max: str | Sequence[str] = (),  # noqa: A002
) -> list[dict[str, Any]]:
    """Return one dict for each value of a column, or of several together, the most frequent first.

    It has the value, ``count``, and what is asked for: ``group(rows, "state", sum="size")`` gives
    ``{"state": "open", "count": 3, "sum_size": 12}``. Only numbers are added up; without any it is None.
    """
    names = _names(by)
    wanted = [
        (how, name)
        for how, given in (("sum", sum), ("mean", mean), ("min", min), ("max", max))
        for name in _names(given)
    ]
    groups: dict[str, list[Any]] = {}
    for row in _rows(rows):
        groups.setdefault(_json([_key(_value(row, name)) for name in names], 0), []).append(row)
    found: list[dict[str, Any]] = []
    for members in sorted(groups.values(), key=len, reverse=True):
        one: dict[str, Any] = {name: _plain(_value(members[0], name)) for name in names}
        one["count"] = len(members)
        one |= {
            f"{how}_{name}": _aggregate(how, [_value(row, name) for row in members]) for how, name in wanted
        }
        found.append(one)
    return found


def top(rows: Iterable[Any] | None, by: str = "value", n: int = 10, *, smallest: bool = False) -> list[Any]:
    """Return the ``n`` rows with the largest (or ``smallest``) values of a column, in order.

    Rows of the same value stay in their order; those without a number or a text there are left out.
    """
    pairs = [(_value(_row(item), by), item) for item in _items(rows)]
    ordered: list[Any] = []
    for kind in (_is_number, _is_text):
        fitting = [pair for pair in pairs if kind(pair[0])]
        ordered += sorted(fitting, key=lambda pair: pair[0], reverse=not smallest)
    return [item for _, item in ordered[: max(n, 0)]]


def chunked(items: Iterable[Any] | None, size: int = 100) -> list[list[Any]]:
    """Return items in lists of ``size``, the last one of what is left. Raises ``ValueError`` below 1."""
    if size < 1:
        raise ValueError(f"size: {size} is less than 1")
    every = _items(items)
    return [every[at : at + size] for at in range(0, len(every), size)]


def _items(rows: Any) -> list[Any]:
    if rows is None:
        return []
    if _is_mapping(rows):
        lists = [str(key) for key, value in rows.items() if isinstance(value, list)]
        hint = f"; a list in it is under {', '.join(map(repr, lists[:5]))}" if lists else ""
        raise TypeError(f"rows are a list of dicts, and this is one dict{hint}")
    if isinstance(rows, str | bytes | bytearray) or not hasattr(rows, "__iter__"):
        raise TypeError(f"rows are a list of dicts, and not {type(rows).__name__}")
    return list(rows)


def _rows(rows: Any) -> list[Mapping[str, Any]]:
    return [_row(item) for item in _items(rows)]


def _row(item: Any) -> Mapping[str, Any]:
    return item if _is_mapping(item) else {"value": item}


def _names(columns: str | Sequence[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)


def _columns(rows: list[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _value(row: Mapping[str, Any], column: str) -> Any:
    """The value of a column, or the mark of a missing one."""
    if column in row:
        return row[column]
    value: Any = row
    for part in str(column).split("."):
        if not _is_mapping(value) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _plain(value: Any) -> Any:
    return None if value is _MISSING or (isinstance(value, float) and not isfinite(value)) else value


def _is_number(value: Any) -> bool:
    # `isfinite` takes no integer that is too large for a float.
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and isfinite(value)
    )


def _is_mapping(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _type(value: Any) -> str:
    if _plain(value) is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if _is_number(value):
        return "number"
    if _is_list(value):
        return "array"
    return "object" if _is_mapping(value) else "string"


def _summary(rows: list[Mapping[str, Any]], name: str) -> dict[str, Any]:
    values = [row[name] for row in rows if name in row]
    types: dict[str, int] = {}
    counts: dict[str, int] = {}
    for value in values:
        types[_type(value)] = types.get(_type(value), 0) + 1
        counts[_key(value)] = counts.get(_key(value), 0) + 1
    facts: dict[str, Any] = {"types": types, "missing": len(rows) - len(values), "distinct": len(counts)}
    numbers = [value for value in values if _is_number(value)]
    texts = [value for value in values if _is_text(value)]
    if ordered := numbers or texts:
        facts |= {"min": min(ordered), "max": max(ordered)}
    if numbers:
        facts |= {"mean": _aggregate("mean", numbers), "sum": _aggregate("sum", numbers)}
    elif texts:
        seen: dict[str, int] = {}
        for text in texts:
            seen[text] = seen.get(text, 0) + 1
        often = sorted(seen.items(), key=lambda pair: pair[1], reverse=True)[:_COMMON]
        facts["common"] = [{"value": text, "count": count} for text, count in often if count > 1]
    return facts


def _aggregate(how: str, values: list[Any]) -> Any:
    ordered = [value for value in values if _is_number(value)]
    if how in {"min", "max"}:
        ordered = ordered or [value for value in values if _is_text(value)]
        return None if not ordered else min(ordered) if how == "min" else max(ordered)
    if not ordered:
        return None
    total: Any = 0
    try:
        for number in ordered:
            total += number
        return total if how == "sum" else total / len(ordered)
    except OverflowError:
        return None  # no float is so large


def _key(value: Any) -> str:
    """What equal values have in common; 1 and 1.0 are equal, 1 and True are not."""
    return _json(_plain(value), 0)


def _text(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else _json(plain, 0)


def _fitted(text: str, width: int) -> str:
    line = text.replace("|", "\\|").replace("\r", " ").replace("\n", " ")
    return line if len(line) <= max(width, 1) else f"{line[: max(width, 1) - 1]}…"


def _json(value: Any, depth: int) -> str:
    if depth > _DEPTH:
        return '"…"'
    if _is_mapping(value):
        pairs = (
            f"{json.dumps(str(key), ensure_ascii=False)}:{_json(item, depth + 1)}"
            for key, item in value.items()
        )
        return f"{{{','.join(pairs)}}}"
    if _is_list(value):
        return f"[{','.join(_json(item, depth + 1) for item in value)}]"
    if isinstance(value, float):
        return _number(value)
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value), ensure_ascii=False)


def _number(value: float) -> str:
    """A number as JSON has it in either language."""
    if not isfinite(value):
        return "null"
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if 1e-6 <= abs(value) < 1e-4:
        from decimal import Decimal

        return format(Decimal(repr(value)), "f")
    return repr(value).replace("e-0", "e-")
