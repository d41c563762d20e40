"""Makes a usable JSON Schema of a nearly usable one.

A server's schema is written by hand more often than not. What is wrong in one place must not cost the
rest: the part that is no schema becomes ``true``, which accepts anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jsonschema_rs

Schema = dict[str, Any]

_TYPES = frozenset(("null", "boolean", "object", "array", "number", "integer", "string"))
MAPS_OF_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
SCHEMAS = (
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
)
_MAX_DEPTH = 100
_KNOWN_DRAFTS = ("http://json-schema.org/draft-0", "https://json-schema.org/draft/20")


class NotASchema(Exception):
    """Nothing usable can be made of it; the message says why."""


def repair_input_schema(schema: object, faults: list[str]) -> Schema:
    """Return the schema of a tool's arguments, always of type object. Faults are added to ``faults``.

    Raises:
        NotASchema: it is no schema, or one that no object of arguments can fit.
    """
    if schema is None or schema is True:
        faults.append("has no input schema: any arguments are let through")
        return {"type": "object", "additionalProperties": True}
    if not isinstance(schema, dict):
        raise NotASchema(f"its input schema is no JSON Schema but {_shown(schema)}")
    root = cast("Schema", schema)
    kind: object = root.get("type")
    kinds = cast("list[object]", kind) if isinstance(kind, list) else [kind]
    if "object" not in kinds:
        if kind is not None and any(isinstance(one, str) and one in _TYPES for one in kinds):
            raise NotASchema(
                f"its input schema is of type {_shown(root['type'])}, but arguments are an object"
            )
        faults.append(
            "the input schema is not of type object" if kind is not None else "the input schema has no type"
        )
        root = {**root, "type": "object"}
    return repair_schema(root, faults)


def repair_schema(schema: Schema, faults: list[str]) -> Schema:
    """Return a valid JSON Schema that keeps all that is valid in ``schema``."""
    mended = _mend(schema, "", faults, 0)
    assert isinstance(mended, dict)
    if is_schema(mended):
        return mended
    # Some keyword has a value of the wrong kind: leave out the parameters that it spoils.
    properties = cast("dict[str, Any]", mended.get("properties", {}))
    spoiled = [name for name, part in properties.items() if not is_schema(part)]
    faults.extend(f"the schema of {name!r} is invalid and accepts anything" for name in spoiled)
    mended["properties"] = {
        name: _described(part) if name in spoiled else part for name, part in properties.items()
    }
    if is_schema(mended):
        return mended
    faults.append("the schema is invalid: only its parameters' names are kept")
    return {"type": "object", "properties": {name: _described(part) for name, part in properties.items()}}


def is_schema(schema: object) -> bool:
    """Whether it is a valid JSON Schema of its draft. Nothing is fetched."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict):
        return False
    document = cast("Schema", schema)
    if not str(document.get("$schema", _KNOWN_DRAFTS[1])).startswith(_KNOWN_DRAFTS):
        document = {key: value for key, value in document.items() if key != "$schema"}
    try:
        return jsonschema_rs.meta.is_valid(document)
    except (jsonschema_rs.ReferencingError, ValueError, RecursionError):
        return False


def _mend(schema: object, at: str, faults: list[str], depth: int) -> Schema | bool:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict):
        faults.append(f"{at or 'the schema'} is no schema but {_shown(schema)}, and accepts anything")
        return True
    if depth > _MAX_DEPTH:
        faults.append(f"{at} is nested too deeply, and accepts anything")
        return True
    mended: Schema = {}
    for key, value in cast("dict[str, object]", schema).items():
        if (kept := _mend_keyword(key, value, f"{at}.{key}" if at else key, faults, depth + 1)) is not _DROP:
            mended[key] = kept
    return mended


_DROP = object()


def _mend_keyword(key: str, value: object, at: str, faults: list[str], depth: int) -> object:
    fits = True
    if key in MAPS_OF_SCHEMAS:
        if isinstance(value, dict):
            parts = cast("dict[str, object]", value)
            return {name: _mend(part, f"{at}.{name}", faults, depth) for name, part in parts.items()}
        fits = False
    elif key in LISTS_OF_SCHEMAS:
        if isinstance(value, list) and value:
            items = cast("list[object]", value)
            return [_mend(part, f"{at}[{index}]", faults, depth) for index, part in enumerate(items)]
        fits = False
    elif key in SCHEMAS:
        return _mend(value, at, faults, depth)
    elif key == "items":
        # Before 2020-12 a list of schemas stood here; readers of schemas know it.
        return cast("object", value) if isinstance(value, list) else _mend(value, at, faults, depth)
    elif key == "required":
        names = cast("list[object]", value) if isinstance(value, list) else None
        if names is not None and all(isinstance(name, str) for name in names):
            return list(dict.fromkeys(names))
        fits = False
        if names is not None:
            faults.append(f"{at} names something that is no string")
            return list(dict.fromkeys(name for name in names if isinstance(name, str)))
    elif key == "type":
        kinds = cast("list[object]", value) if isinstance(value, list) else [value]
        fits = bool(kinds) and all(isinstance(kind, str) and kind in _TYPES for kind in kinds)
    elif key in ("description", "title", "$id", "$ref", "$schema", "$comment", "format"):
        fits = isinstance(value, str)
    if fits:
        return cast("object", value)
    faults.append(f"{at} is {_shown(cast('object', value))}, and is left out")
    return _DROP


def _described(part: object) -> Schema | bool:
    if isinstance(part, Mapping):
        description = cast("Mapping[str, Any]", part).get("description")
        if isinstance(description, str):
            return {"description": description}
    return True


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
