"""Unions and intersections of types.

Both stay cheap on hostile input. An intersection that would grow too large is widened to its first
operand, which is always sound: whatever fits both operands fits the first.
"""

from __future__ import annotations

from collections.abc import Iterable

from underpass.codegen.ir import (
    ANY,
    BOOLEAN,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    STRING,
    Anything,
    Array,
    Field,
    Literals,
    Map,
    Node,
    Nothing,
    Object,
    Primitive,
    Reference,
    Scalar,
    Tuple,
    Union,
)

_MOST_MEMBERS = 64
_DEEPEST = 12


def kind_of(value: Scalar) -> Primitive:
    """Return the narrowest scalar type that holds ``value``."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER
    return NUMBER if isinstance(value, float) else STRING


def union(nodes: Iterable[Node]) -> Node:
    """Return the type that holds what any of ``nodes`` holds, without redundant members."""
    members: dict[Node, None] = {}
    values: dict[tuple[str, Scalar], Scalar] = {}
    for node in _flat(nodes):
        if isinstance(node, Anything):
            return ANY
        if isinstance(node, Literals):
            # The place of the first literal is the place of them all.
            members.setdefault(Literals(()), None)
            values.update({(type(value).__name__, value): value for value in node.values})
        elif not isinstance(node, Nothing):
            members.setdefault(node, None)
    if NUMBER in members:
        members.pop(INTEGER, None)
    left = tuple(value for value in values.values() if not _covered(kind_of(value), members))
    merged: list[Node] = []
    for node in members:
        if not isinstance(node, Literals):
            merged.append(node)
        elif left:
            merged.append(Literals(left))
    if not merged:
        return NEVER
    return merged[0] if len(merged) == 1 else Union(tuple(merged))


def _flat(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        if isinstance(node, Union):
            yield from node.members
        else:
            yield node


def _covered(kind: Primitive, members: Iterable[Node]) -> bool:
    return kind in members or (kind == INTEGER and NUMBER in members)


def intersect(first: Node, second: Node, depth: int = 0) -> Node:
    """Return a type that holds at least what both operands hold, and as little more as is cheap."""
    if first is second or isinstance(second, Anything):
        return first
    if isinstance(first, Anything):
        return second
    if isinstance(first, Nothing) or isinstance(second, Nothing):
        return NEVER
    if isinstance(first, Reference) or isinstance(second, Reference) or depth > _DEEPEST:
        return first
    if isinstance(first, Union) or isinstance(second, Union):
        return _distribute(first, second, depth)
    if isinstance(first, Literals):
        return _literals([value for value in first.values if _holds(second, value)])
    if isinstance(second, Literals):
        return _literals([value for value in second.values if _holds(first, value)])
    if isinstance(first, Primitive) or isinstance(second, Primitive):
        if first == second:
            return first
        return INTEGER if {first, second} == {INTEGER, NUMBER} else NEVER
    if isinstance(first, Array | Tuple) and isinstance(second, Array | Tuple):
        return _arrays(first, second, depth)
    if isinstance(first, Map | Object) and isinstance(second, Map | Object):
        return _objects(first, second, depth)
    return NEVER


def _distribute(first: Node, second: Node, depth: int) -> Node:
    left = first.members if isinstance(first, Union) else (first,)
    right = second.members if isinstance(second, Union) else (second,)
    if len(left) * len(right) > _MOST_MEMBERS:
        return first
    return union(intersect(a, b, depth + 1) for a in left for b in right)


def _literals(values: list[Scalar]) -> Node:
    return Literals(tuple(values)) if values else NEVER


def _holds(node: Node, value: Scalar) -> bool:
    if isinstance(node, Literals):
        return any(type(value) is type(other) and value == other for other in node.values)
    kind = kind_of(value)
    return node == kind or (node == NUMBER and kind == INTEGER)


def _arrays(first: Array | Tuple, second: Array | Tuple, depth: int) -> Node:
    if isinstance(first, Array) and isinstance(second, Array):
        return Array(intersect(first.items, second.items, depth + 1))
    return first if isinstance(first, Tuple) else second


def _objects(first: Map | Object, second: Map | Object, depth: int) -> Node:
    if isinstance(first, Map) and isinstance(second, Map):
        return Map(intersect(first.values, second.values, depth + 1))
    if isinstance(first, Map) or isinstance(second, Map):
        return second if isinstance(first, Map) else first
    theirs = {member.name: member for member in second.fields}
    fields = [
        _both(member, theirs.pop(member.name), depth) if member.name in theirs else member
        for member in first.fields
    ]
    return Object(
        fields=(*fields, *theirs.values()),
        extra=first.extra if second.extra is None else second.extra,
        closed=first.closed or second.closed,
        description=first.description or second.description,
    )


def _both(first: Field, second: Field, depth: int) -> Field:
    return Field(
        name=first.name,
        type=intersect(first.type, second.type, depth + 1),
        required=first.required or second.required,
        description=first.description or second.description,
        default=first.default if first.has_default else second.default,
        constraints=tuple(dict([*first.constraints, *second.constraints]).items()),
    )
