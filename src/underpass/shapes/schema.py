"""The JSON Schema that every value a shape has seen fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from underpass.shapes.shape import Objects, Shape, Texts, merged

FEWEST_RESULTS: Final = 5
FEWEST_SIGHTINGS: Final = 3
_SPARSE_OBJECTS: Final = 8
_SPARSE_KEYS: Final = 8
_SPARSE_SHARE: Final = 0.25


def to_schema(shape: Shape) -> dict[str, Any]:
    """Return the schema of ``shape``; ``{}`` when nothing can be said.

    A text gets an ``enum`` when there were five results, and each of its few values was seen three
    times. A member is required when no object was seen without it. Objects that share few of their
    keys are maps: the keys are data.
    """
    return _schema(shape, shape.count)


def _schema(shape: Shape, results: int) -> dict[str, Any]:
    if shape.unknown:
        return {}
    parts: list[dict[str, Any]] = []
    if shape.object is not None:
        parts.append(_object(shape.object, results))
    if shape.array is not None:
        items = _schema(shape.array.items, results)
        parts.append({"type": "array", "items": items} if items else {"type": "array"})
    if shape.text is not None:
        parts.append(text_schema(shape.text, results))
    if shape.number:
        parts.append({"type": "number"})
    elif shape.integer:
        parts.append({"type": "integer"})
    if shape.boolean:
        parts.append({"type": "boolean"})
    if shape.null:
        parts.append({"type": "null"})
    if not parts:
        return {}
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def text_schema(text: Texts, results: int) -> dict[str, Any]:
    """Return the schema of texts at some place of ``results`` results."""
    if results >= FEWEST_RESULTS and text.choices and min(text.choices.values()) >= FEWEST_SIGHTINGS:
        return {"type": "string", "enum": sorted(text.choices)}
    return {"type": "string"} if text.format is None else {"type": "string", "format": text.format}


def members(objects: Objects) -> tuple[dict[str, Shape], Shape | None]:
    """Return the members that objects have by name, those seen most first, and the shape of all others."""
    fields = objects.fields or {}
    if _is_sparse(objects.count, fields):
        return {}, merged([*fields.values(), *([objects.rest] if objects.rest else [])])
    names = sorted(fields, key=lambda name: (-fields[name].count, name))
    return {name: fields[name] for name in names}, objects.rest


def _is_sparse(objects: int, fields: Mapping[str, Shape]) -> bool:
    if objects < _SPARSE_OBJECTS or len(fields) <= _SPARSE_KEYS:
        return False
    return sum(field.count for field in fields.values()) < _SPARSE_SHARE * objects * len(fields)


def _object(objects: Objects, results: int) -> dict[str, Any]:
    fields, rest = members(objects)
    schema: dict[str, Any] = {"type": "object"}
    if fields:
        schema["properties"] = {name: _schema(field, results) for name, field in fields.items()}
    if required := [name for name, field in fields.items() if field.count == objects.count]:
        schema["required"] = required
    if rest is not None:
        schema["additionalProperties"] = _schema(rest, results)
    return schema
