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
        parts.append(_text(shape.text, results))
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


def _text(text: Texts, results: int) -> dict[str, Any]:
    if results >= FEWEST_RESULTS and text.choices and min(text.choices.values()) >= FEWEST_SIGHTINGS:
        return {"type": "string", "enum": sorted(text.choices)}
    return {"type": "string"} if text.format is None else {"type": "string", "format": text.format}


def _object(objects: Objects, results: int) -> dict[str, Any]:
    fields = objects.fields
    if fields is None or _is_sparse(objects.count, fields):
        rest = [] if objects.rest is None else [objects.rest]
        return _map(merged([*(fields or {}).values(), *rest]), results)
    schema: dict[str, Any] = {"type": "object"}
    # What is seen most comes first: one line shows the first dozen.
    names = sorted(fields, key=lambda name: (-fields[name].count, name))
    if names:
        schema["properties"] = {name: _schema(fields[name], results) for name in names}
    if required := [name for name in names if fields[name].count == objects.count]:
        schema["required"] = required
    if objects.rest is not None:
        schema |= {"additionalProperties": _schema(objects.rest, results)}
    return schema


def _is_sparse(objects: int, fields: Mapping[str, Shape]) -> bool:
    if objects < _SPARSE_OBJECTS or len(fields) <= _SPARSE_KEYS:
        return False
    return sum(field.count for field in fields.values()) < _SPARSE_SHARE * objects * len(fields)


def _map(values: Shape, results: int) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": _schema(values, results)}
