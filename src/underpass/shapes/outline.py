"""A shape as an outline for people: a line for each key, with how often it was there."""

from __future__ import annotations

import json
from collections.abc import Iterator

from underpass.shapes.schema import members, text_schema
from underpass.shapes.shape import Shape, Texts

_NAMES = {"null": "null", "boolean": "true or false", "integer": "integer", "number": "number"}


def outline(shape: Shape) -> list[str]:
    """Return the lines of the outline; each level is indented by two blanks."""
    return list(_lines("result", shape, shape.count, shape.count, 0))


def summary(shape: Shape) -> str:
    """Return the types of the results in a few words."""
    return _types(shape, shape.count)


def _lines(name: str, shape: Shape, of: int, results: int, level: int) -> Iterator[str]:
    often = f"  ({shape.count:,} of {of:,})" if shape.count < of else ""
    yield f"{'  ' * level}{name}: {_types(shape, results)}{often}"
    if shape.object is not None:
        fields, rest = members(shape.object)
        for key, field in fields.items():
            yield from _lines(key, field, shape.object.count, results, level + 1)
        if rest is not None:
            yield from _lines("(any other key)", rest, 0, results, level + 1)
    if shape.array is not None and shape.array.items.count:
        yield from _lines("(each item)", shape.array.items, 0, results, level + 1)


def _types(shape: Shape, results: int) -> str:
    types: list[str] = []
    if shape.object is not None:
        types.append("object")
    if shape.array is not None:
        types.append("list")
    if shape.text is not None:
        types.append(_text(shape.text, results))
    types += [word for kind, word in _NAMES.items() if getattr(shape, kind)]
    if shape.unknown or not types:
        types.append("anything" if shape.unknown else "nothing yet")
    return " or ".join(types)


def _text(text: Texts, results: int) -> str:
    schema = text_schema(text, results)
    if "enum" in schema:
        return " or ".join(json.dumps(choice) for choice in schema["enum"])
    return f"text ({schema['format']})" if "format" in schema else "text"
