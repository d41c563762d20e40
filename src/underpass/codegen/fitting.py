"""Whether a type checker takes a JSON value, written out in code, for one of a generated type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from underpass.codegen.interface import ToolInterface
from underpass.codegen.ir import (
    Anything,
    Array,
    Literals,
    Map,
    Node,
    Object,
    Primitive,
    Schema,
    Tuple,
)

_DEEPEST = 40


def arguments_fit(interface: ToolInterface, arguments: Mapping[str, object]) -> bool:
    """Whether a call of the generated function with these arguments passes a type checker."""
    fields = {field.name: field for field in interface.parameters}
    if any(field.required and field.name not in arguments for field in interface.parameters):
        return False
    schema = interface.arguments
    for name, value in arguments.items():
        node = fields[name].type if name in fields else interface.extra
        if node is None or not fits(schema, node, value):
            return False
    return True


def fits(schema: Schema, node: Node, value: object, depth: int = _DEEPEST) -> bool:
    """Whether ``value`` is one of the type ``node``; integers are no texts, and 1.0 is no integer."""
    if depth == 0:
        return False
    return any(_fits(schema, alternative, value, depth) for alternative in schema.alternatives(node))


def _fits(schema: Schema, node: Node, value: object, depth: int) -> bool:
    if isinstance(node, Anything):
        return True
    if isinstance(node, Primitive):
        return _is_of_kind(node.kind, value)
    if isinstance(node, Literals):
        return any(type(value) is type(known) and value == known for known in node.values)
    if isinstance(value, list):
        entries = cast("list[object]", value)
        if isinstance(node, Array):
            return all(fits(schema, node.items, entry, depth - 1) for entry in entries)
        return isinstance(node, Tuple) and _fits_tuple(schema, node, entries, depth)
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        if isinstance(node, Map):
            return all(fits(schema, node.values, member, depth - 1) for member in members.values())
        return isinstance(node, Object) and _fits_object(schema, node, members, depth)
    return False


def _is_of_kind(kind: str, value: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int):
        return kind in {"integer", "number"}
    return (
        (kind == "null" and value is None)
        or (kind == "number" and isinstance(value, float))
        or (kind == "string" and isinstance(value, str))
    )


def _fits_tuple(schema: Schema, node: Tuple, entries: list[object], depth: int) -> bool:
    if len(entries) < node.least or (node.rest is None and len(entries) > len(node.items)):
        return False
    places = [*node.items[: len(entries)]]
    if node.rest is not None:
        places += [node.rest] * (len(entries) - len(places))
    return all(fits(schema, place, entry, depth - 1) for place, entry in zip(places, entries, strict=True))


def _fits_object(schema: Schema, node: Object, members: dict[str, object], depth: int) -> bool:
    if not node.fields:
        return not (node.closed and members)
    known = {field.name: field for field in node.fields}
    if node.extra is None and not known.keys() >= members.keys():
        return False
    return all(
        fits(schema, field.type, members[name], depth - 1) if name in members else not field.required
        for name, field in known.items()
    )
