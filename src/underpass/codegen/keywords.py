"""Reading one keyword of a schema, whatever stands there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from underpass.codegen.ir import (
    ANY,
    BOOLEAN,
    INTEGER,
    MISSING,
    NULL,
    NUMBER,
    STRING,
    Array,
    Map,
    Node,
    Scalar,
)

OBJECT_KEYS: Final = ("properties", "patternProperties", "additionalProperties", "required")
ARRAY_KEYS: Final = ("items", "prefixItems")
STRUCTURE: Final = frozenset(
    {*OBJECT_KEYS, *ARRAY_KEYS, "anyOf", "oneOf", "allOf", "$ref", "$dynamicRef", "$recursiveRef"}
)
_CONSTRAINTS: Final = (
    *("format", "pattern", "minLength", "maxLength", "contentMediaType"),
    *("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"),
    *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
)
_CONSTRAINTS_SET: Final = frozenset(_CONSTRAINTS)


def reference_of(schema: Mapping[str, Any]) -> str | None:
    """Return what the schema refers to, by any of the keywords that do."""
    for key in ("$ref", "$dynamicRef", "$recursiveRef"):
        reference = schema.get(key)
        if isinstance(reference, str):
            return reference
    return None


def subschema(value: object) -> Mapping[str, Any] | bool | None:
    """Return the value if it can be a schema."""
    return cast("Mapping[str, Any] | bool", value) if isinstance(value, Mapping | bool) else None


def list_of(schema: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list under ``key``; an empty one where there is none."""
    value = schema.get(key)
    return cast("list[Any]", value) if isinstance(value, list) else []


def members_of(schema: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    """Yield the members of the object under ``key``, if there is one."""
    value = schema.get(key)
    if isinstance(value, Mapping):
        for name, member in cast("Mapping[object, Any]", value).items():
            if isinstance(name, str):
                yield name, member


def says(schema: Mapping[str, Any], key: str) -> bool:
    """Whether ``key`` speaks of the schema's content."""
    # A boolean "required" is draft 3's, and speaks of the member itself.
    return isinstance(schema.get(key), Mapping | list)


def text_of(schema: Mapping[str, Any], key: str) -> str:
    """Return the text under ``key``; an empty one where there is none."""
    value = schema.get(key)
    return value if isinstance(value, str) else ""


def is_small(schema: object, levels: int) -> bool:
    """Whether a definition reads best in place: it has no members and only a few simple parts."""
    if not isinstance(schema, Mapping):
        return isinstance(schema, bool)
    members = cast("Mapping[str, Any]", schema)
    parts = [part for key in ("anyOf", "oneOf") for part in list_of(members, key)]
    parts += [members[key] for key in ("items", "additionalProperties") if key in members]
    if levels == 0 or len(parts) > 6:
        return not STRUCTURE & members.keys()
    others = STRUCTURE - {"anyOf", "oneOf", "items", "additionalProperties"}
    return not others & members.keys() and all(is_small(part, levels - 1) for part in parts)


def title_of(schema: Mapping[str, Any], name: str) -> str:
    """Return the title, unless it is the name over again, as some libraries make it."""
    title = text_of(schema, "title")
    return "" if title.replace(" ", "").casefold() == name.replace("_", "").casefold() else title


def scalar_of(value: object) -> object:
    """Return the value as a literal can hold it, or ``MISSING``."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return MISSING
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 128 else MISSING
    return MISSING


def outline(value: object) -> Node:
    """Return the type of a constant, without its value."""
    if isinstance(value, Mapping):
        return Map(ANY)
    if isinstance(value, list):
        return Array(ANY)
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int | float):
        return INTEGER if isinstance(value, int) else NUMBER
    return STRING if isinstance(value, str) else ANY


def constraints_of(schema: Mapping[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """Yield the keywords that narrow the values, with what they say, for documentation."""
    if _CONSTRAINTS_SET.isdisjoint(schema):
        return
    for key in _CONSTRAINTS:
        value = schema.get(key)
        if isinstance(value, str):
            if value and len(value) <= 120:
                yield key, value
        elif isinstance(value, int) and value.bit_length() > 128:
            continue  # Python refuses to write out the longest
        elif isinstance(value, bool | int | float) and value is not False:
            yield key, value
