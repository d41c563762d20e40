"""Single values for an example of a call: what a schema's parts allow, and what fits their assertions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeGuard, cast

import jsonschema_rs

from underpass.codegen import plausible
from underpass.codegen.keywords import text_of
from underpass.codegen.pattern_text import matching_text

_LONGEST_TEXT = 300
_LARGEST = 2**53 - 1
_ASSERTIONS: Final = frozenset(
    {"type", "enum", "const", "pattern", "minLength", "maxLength", "multipleOf"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    | {"minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "required"}
)
"""Keywords that can be tried without looking at any other part of the schema."""

_KINDS: Final = ("string", "integer", "number", "boolean", "object", "array", "null")
_OF_KIND: Final = {
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


class NoValueError(Exception):
    """Nothing can be drawn here, or not within the steps that are allowed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A schema, with what its references are relative to."""

    schema: Mapping[str, Any]
    resource: Mapping[str, Any]
    base: str


def kinds_of(places: Sequence[Place]) -> list[str]:
    """Return the JSON types that all places allow, the most telling first."""
    allowed = list(_KINDS)
    declared = False
    for place in places:
        kinds: object = place.schema.get("type")
        named = cast("list[object]", kinds) if isinstance(kinds, list) else [kinds]
        known = [kind for kind in named if isinstance(kind, str) and kind in _KINDS]
        if known:
            declared = True
            wide = {*known, "integer"} if "number" in known else {*known}
            # The schema's order tells which type is meant in the first place.
            allowed = [kind for kind in (*known, "integer") if kind in allowed and kind in wide]
    if declared:
        return sorted(dict.fromkeys(allowed), key=lambda kind: kind == "null")
    for kind, keys in _OF_KIND.items():
        if any(key in place.schema for place in places for key in keys):
            return [kind]
    return ["string"]


def drawn_text(places: Sequence[Place], name: str) -> str:
    description = next((text for place in places if (text := text_of(place.schema, "description"))), "")
    form = next((text for place in places if (text := text_of(place.schema, "format"))), "")
    shortest = least_of(places, "minLength")
    longest = most_of(places, "maxLength", _LONGEST_TEXT)
    for known in _texts(places, name, description, form):
        text = known[:longest]
        if len(known) < shortest <= _LONGEST_TEXT:
            text = (known * shortest)[:shortest]
        if is_writable(text) and suits(places, text):
            return text
    raise NoValueError


def _texts(places: Sequence[Place], name: str, description: str, form: str) -> Iterator[str]:
    yield from plausible.texts(name, description, form)
    for place in places:
        if (text := matching_text(text_of(place.schema, "pattern"))) is not None:
            yield text


def drawn_number(places: Sequence[Place], name: str, *, whole: bool) -> float:
    """Return a number that fits; raises ``NoValueError`` if none is found."""
    for candidate in _numbers(places, name):
        if not math.isfinite(candidate) or abs(candidate) > _LARGEST:
            continue
        number = int(candidate) if float(candidate).is_integer() else candidate
        if (isinstance(number, int) or not whole) and suits(places, number):
            return number
    raise NoValueError


def _numbers(places: Sequence[Place], name: str) -> Iterator[float]:
    value = plausible.number(name)
    low = max((_bound(place, "minimum", "exclusiveMinimum", 1) for place in places), default=-math.inf)
    high = min((_bound(place, "maximum", "exclusiveMaximum", -1) for place in places), default=math.inf)
    yield from (value, math.ceil(value), low, high, (low + high) / 2)
    for place in places:
        step: object = place.schema.get("multipleOf")
        if _is_number(step) and step > 0:
            yield step
            if math.isfinite(low / step):
                yield math.ceil(low / step) * step


def _bound(place: Place, inclusive: str, exclusive: str, step: int) -> float:
    bounds: list[float] = []
    if _is_number(bound := place.schema.get(inclusive)):
        bounds.append(bound + (step if place.schema.get(exclusive) is True else 0))
    if _is_number(bound := place.schema.get(exclusive)):
        bounds.append(bound + step)
    return (max if step > 0 else min)(bounds, default=-step * math.inf)


def _is_number(value: object) -> TypeGuard[float]:
    """Whether the value is a number of a size that every language keeps."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def least_of(places: Sequence[Place], key: str) -> int:
    """Return the largest of the lower bounds under ``key``; 0 if there is none."""
    return max((int(bound) for place in places if _is_number(bound := place.schema.get(key))), default=0)


def most_of(places: Sequence[Place], key: str, otherwise: int) -> int:
    """Return the least of the upper bounds under ``key`` and ``otherwise``; never below 0."""
    bounds = [int(bound) for place in places if _is_number(bound := place.schema.get(key))]
    return max(min([*bounds, otherwise]), 0)


def suits(places: Sequence[Place], value: object) -> bool:
    """Whether the value keeps the assertions that can be tried alone."""
    for place in places:
        asserted = {key: place.schema[key] for key in _ASSERTIONS & place.schema.keys()}
        for inclusive, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if isinstance(asserted.get(exclusive), bool):  # as draft 4 had it
                strict = asserted.pop(exclusive)
                if strict and inclusive in asserted:
                    asserted[exclusive] = asserted.pop(inclusive)
        if not asserted:
            continue
        try:
            validator = _validator(json.dumps(asserted, sort_keys=True))
        except (TypeError, ValueError, RecursionError):
            continue  # malformed, or a number that cannot be written out: the whole is validated later
        if validator is not None and not validator.is_valid(value):
            return False
    return True


@lru_cache(maxsize=1024)
def _validator(schema: str) -> jsonschema_rs.Validator | None:
    try:
        return jsonschema_rs.validator_for(schema)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None


def is_writable(value: object, depth: int = 6) -> bool:
    """Whether the value can stand in an example, in any language: short, and the same everywhere."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT and (
            value.isprintable() or set(value) <= {*"\n\t"} | set(filter(str.isprintable, value))
        )
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        entries = cast("list[object]", value)
        return depth > 0 and len(entries) <= 20 and all(is_writable(entry, depth - 1) for entry in entries)
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return (
            depth > 0
            and len(members) <= 20
            and all(
                isinstance(name, str) and is_writable(name) and is_writable(member, depth - 1)
                for name, member in members.items()
            )
        )
    return False
