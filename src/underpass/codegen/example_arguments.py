"""Arguments for an example of a call, drawn from the schema of a tool's input.

What the schema itself gives comes first: ``const``, ``examples``, ``default``, ``enum``, ``format``; then
what the names suggest. What is drawn is validated before anyone sees it. The same schema gives the same
arguments, and a hostile one costs a bounded number of steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import jsonschema_rs

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.example_values import (
    NoValueError,
    Place,
    drawn_number,
    drawn_text,
    is_writable,
    kinds_of,
    least_of,
    most_of,
    suits,
)
from underpass.codegen.fitting import arguments_fit
from underpass.codegen.interface import ToolInterface
from underpass.codegen.keywords import list_of, members_of, reference_of
from underpass.codegen.references import References, scope

_DEEPEST = 12
_MOST_STEPS = 600
_MOST_PLACES = 40


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to draw: which of several choices, and what to leave aside."""

    branch: int = 0
    optional: int = 0
    """How many optional parameters are given."""
    own: bool = True
    """Whether the schema's own examples and defaults count."""


_WAYS: Final = (
    _Way(optional=1),
    _Way(),
    _Way(branch=1),
    _Way(branch=2),
    _Way(own=False),
    _Way(own=False, branch=1),
    _Way(optional=2),
    _Way(optional=8),
    _Way(optional=8, branch=1),
)


def example_arguments(tool: ToolDefinition, interface: ToolInterface) -> dict[str, Any] | None:
    """Return arguments that the tool's schema and its generated function accept; None if none are found.

    They are the required ones; where none is required, one optional one beside.
    """
    schema = tool.input_schema
    if isinstance(schema, bool):
        return {} if schema and arguments_fit(interface, {}) else None
    try:
        validator = jsonschema_rs.validator_for(dict(schema), retriever=lambda _uri: True)
    except (ValueError, jsonschema_rs.ReferencingError, RecursionError):
        validator = None  # nothing can be validated then, and the server has the last word
    required = any(field.required for field in interface.parameters)
    for way in _WAYS[1:] if required else _WAYS:
        try:
            drawn: object = _Drawer(schema, way).draw()
        except (NoValueError, RecursionError):
            continue
        if not isinstance(drawn, dict):
            continue
        arguments = cast("dict[str, Any]", drawn)
        if arguments_fit(interface, arguments) and (validator is None or validator.is_valid(arguments)):
            return arguments
    return None


class _Drawer:
    def __init__(self, document: Mapping[str, Any], way: _Way) -> None:
        self._references = References(document)
        self._way = way
        self._left = _MOST_STEPS

    def draw(self) -> object:
        document = self._references.document
        places = self._expanded([(document, document, self._references.base)])
        return self._object(places, 0)

    def _value(self, parts: Sequence[tuple[object, Mapping[str, Any], str]], name: str, depth: int) -> object:
        """Draw a value that fits all ``parts``; each is a schema with its resource and base address."""
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise NoValueError
        places = self._expanded(parts)
        for value in self._given(places):
            if is_writable(value) and suits(places, value):
                return value
        for kind in kinds_of(places):
            if kind == "object":
                return self._object(places, depth)
            if kind == "array":
                return self._array(places, name, depth)
            if kind in {"integer", "number"}:
                return drawn_number(places, name, whole=kind == "integer")
            if kind == "string":
                return drawn_text(places, name)
            return True if kind == "boolean" else None
        raise NoValueError

    def _expanded(self, parts: Sequence[tuple[object, Mapping[str, Any], str]]) -> list[Place]:
        """Return everything that is said at once: what is referred to, all conjuncts, and a choice each."""
        places: list[Place] = []
        pending = list(parts)
        while pending:
            schema, resource, base = pending.pop(0)
            if schema is False or len(places) >= _MOST_PLACES:
                raise NoValueError
            if not isinstance(schema, Mapping):
                continue
            members = cast("Mapping[str, Any]", schema)
            if members is not resource:
                resource, base = scope(members, resource, base)
            places.append(Place(members, resource, base))
            if reference := reference_of(members):
                target = self._references.resolve(reference, resource, base)
                if target is not None:
                    pending.append((target.schema, target.resource, target.base))
            pending += [(part, resource, base) for part in list_of(members, "allOf")]
            for key in ("anyOf", "oneOf"):
                # No value is the poorest example.
                branches = sorted(list_of(members, key), key=_is_null)
                if branches:
                    pending.append((branches[self._way.branch % len(branches)], resource, base))
        return places

    def _given(self, places: Sequence[Place]) -> Iterator[object]:
        """Yield the values that the schema itself gives."""
        for place in places:
            if "const" in place.schema:
                yield place.schema["const"]
        if self._way.own:
            for place in places:
                yield from list_of(place.schema, "examples")[:5]
                for key in ("example", "default"):
                    # An empty default tells nobody what may stand there.
                    if place.schema.get(key) not in (None, "", [], {}):
                        yield place.schema[key]
        for place in places:
            yield from sorted(list_of(place.schema, "enum")[:200], key=lambda value: value in (None, ""))

    def _object(self, places: Sequence[Place], depth: int) -> dict[str, object]:
        members: dict[str, list[tuple[object, Mapping[str, Any], str]]] = {}
        required: dict[str, None] = {}
        rest: list[tuple[object, Mapping[str, Any], str]] = []
        for place in places:
            for name, part in members_of(place.schema, "properties"):
                members.setdefault(name, []).append((part, place.resource, place.base))
            wanted = list_of(place.schema, "required")
            required.update(dict.fromkeys(name for name in wanted if isinstance(name, str)))
            if "additionalProperties" in place.schema:
                rest.append((place.schema["additionalProperties"], place.resource, place.base))
        if len(required) > _MOST_STEPS:
            raise NoValueError
        names = [name for name in members if name in required]
        names += [name for name in required if name not in members]
        # What has one value only tells the objects of a union apart, required or not.
        names += [name for name in members if name not in required and depth and _is_constant(members[name])]
        fewest = least_of(places, "minProperties")
        fewest = max(fewest, len(names) + self._way.optional if depth == 0 else 0)
        others = sorted(
            (name for name in members if name not in names),
            key=lambda name: any(
                isinstance(part, Mapping) and "default" in part for part, *_ in members[name]
            ),
        )
        names += others[: max(fewest - len(names), 0)]
        if depth > 0 and len(names) < fewest <= 3:
            names += [f"key{number}" for number in range(1, fewest - len(names) + 1)]
        return {name: self._value(members.get(name, rest), name, depth + 1) for name in names}

    def _array(self, places: Sequence[Place], name: str, depth: int) -> list[object]:
        least = least_of(places, "minItems")
        most = most_of(places, "maxItems", 99)
        if least > 20:
            raise NoValueError
        prefix: list[list[tuple[object, Mapping[str, Any], str]]] = []
        items: list[tuple[object, Mapping[str, Any], str]] = []
        for place in places:
            declared = place.schema.get("items")
            first = list_of(place.schema, "prefixItems") or list_of(place.schema, "items")
            for number, part in enumerate(first[:20]):
                prefix += [[]] if number == len(prefix) else []
                prefix[number].append((part, place.resource, place.base))
            if not isinstance(declared, list):
                items.append((declared, place.resource, place.base))
        wanted = prefix[: max(most, 0)]
        extra = max(least - len(wanted), 0 if prefix or depth > 4 else min(1, most))
        singular = name.removesuffix("s")
        drawn = [self._value(part, singular, depth + 1) for part in wanted]
        if extra and items:
            value = self._value(items, singular, depth + 1)
            unique = any(place.schema.get("uniqueItems") is True for place in places)
            drawn += _distinct(value, extra, self._choices(items)) if unique else [value] * extra
        return drawn

    def _choices(self, items: Sequence[tuple[object, Mapping[str, Any], str]]) -> list[object]:
        return [value for place in self._expanded(items) for value in list_of(place.schema, "enum")]


def _distinct(value: object, count: int, choices: Sequence[object]) -> list[object]:
    """Return ``count`` values like ``value``, different ones where that is easy."""
    others = [choice for choice in choices if choice != value]
    values = [value, *others][:count]
    for number in range(2, count - len(values) + 2):
        if isinstance(value, str) and not choices:
            values.append(f"{value}{number}")
        elif isinstance(value, int) and not isinstance(value, bool) and not choices:
            values.append(value + number - 1)
        else:
            values.append(value)
    return values


def _is_constant(parts: Sequence[tuple[object, Mapping[str, Any], str]]) -> bool:
    return any(isinstance(part, Mapping) and "const" in part for part, *_ in parts)


def _is_null(schema: object) -> bool:
    if not isinstance(schema, Mapping):
        return False
    members = cast("Mapping[str, Any]", schema)
    return members.get("type") == "null" or ("const" in members and members["const"] is None)
