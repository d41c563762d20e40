"""How a tool's definition differs from the one that was trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard, cast

PARTS = ("title", "description", "inputSchema", "outputSchema", "annotations")


def changed_parts(trusted: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parts that differ between two definitions."""
    return tuple(part for part in PARTS if not _same(trusted.get(part), found.get(part)))


def only_extended(trusted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether ``found`` differs only by optional fields that were added to the output."""
    return changed_parts(trusted, found) == ("outputSchema",) and _extends(
        trusted.get("outputSchema"), found.get("outputSchema")
    )


def _extends(old: Any, new: Any) -> bool:
    if not _is_object(old) or not _is_object(new):
        return _same(old, new)
    return old.keys() == new.keys() and all(_keyword_extends(keyword, old, new) for keyword in old)


def _keyword_extends(keyword: str, schema: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    old, new = schema[keyword], found[keyword]
    if keyword in ("items", "additionalProperties"):
        return _extends(old, new)
    if keyword not in ("properties", "$defs", "definitions") or not _is_object(old) or not _is_object(new):
        return _same(old, new)
    added = new.keys() - old.keys()
    if added and (keyword != "properties" or added & _required(found)):
        return False
    return old.keys() <= new.keys() and all(_extends(part, new[name]) for name, part in old.items())


def _required(schema: Mapping[str, Any]) -> set[Any]:
    required = schema.get("required")
    return set(cast("list[Any]", required)) if isinstance(required, list) else set()


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does: for Python, 1 and true are equal."""
    if _is_object(one) and _is_object(other):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if _is_array(one) and _is_array(other):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


def _is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_array(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)
