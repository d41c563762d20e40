"""Types in one line, for people and models: ``list[{name: str, age?: int}]``.

Close to Python's own annotations, but with the members of objects in place instead of class names.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from underpass.codegen import python_literals
from underpass.codegen.ir import (
    Anything,
    Array,
    Literals,
    Map,
    Node,
    Nothing,
    Object,
    Primitive,
    Reference,
    Schema,
    Tuple,
    Union,
)

_PRIMITIVES: Final = {"null": "None", "boolean": "bool", "integer": "int", "number": "float", "string": "str"}
_MOST_LITERALS = 16
_MOST_MEMBERS = 12
_LONGEST_LITERAL = 40


def shape(schema: Schema, node: Node, *, depth: int = 3, limit: int = 200) -> str:
    """Return ``node`` in at most ``limit`` characters, with objects open down to ``depth`` levels."""
    shown = ""
    for levels in range(depth, -1, -1):
        shown = _shape(schema, node, levels)
        if len(shown) <= limit:
            return shown
    return _cut(shown, limit)


def _cut(shown: str, limit: int) -> str:
    """Cut at the end of a part, and close the bracket that stays open."""
    cut = shown[: limit - 4]
    place = max(cut.rfind(", "), cut.rfind(" | "))
    cut = cut[:place] if place > 0 else cut
    close = "]" if cut.count("[") > cut.count("]") else ""
    return f"{cut}, …{close}" if close else f"{cut} | …"


def _shape(schema: Schema, node: Node, depth: int) -> str:
    node = schema.resolve(node)
    if isinstance(node, Union):
        # References among the members are resolved once each, however often they lead to one type.
        members = islice(schema.alternatives(node), _MOST_MEMBERS + 1)
        shown = list(dict.fromkeys(_shape(schema, member, depth) for member in members))
        return " | ".join(shown if len(shown) <= _MOST_MEMBERS else [*shown[:_MOST_MEMBERS], "…"])
    if isinstance(node, Primitive):
        return _PRIMITIVES[node.kind]
    if isinstance(node, Literals):
        return _literals(node)
    if isinstance(node, Array | Tuple):
        return _array(schema, node, depth)
    if isinstance(node, Map):
        values = _shape(schema, node.values, depth - 1) if depth > 0 else "Any"
        return "dict" if values == "Any" else f"dict[str, {values}]"
    if isinstance(node, Object):
        return _object(schema, node, depth)
    return "Never" if isinstance(node, Nothing) else "Any"


def _array(schema: Schema, node: Array | Tuple, depth: int) -> str:
    if depth <= 0:
        return "list"
    if isinstance(node, Tuple):
        places = ", ".join(_shape(schema, item, depth - 1) for item in node.items)
        return f"[{places}{'' if node.rest is None else ', …'}]"
    items = _shape(schema, node.items, depth - (0 if _is_plain(node.items) else 1))
    return "list" if items == "Any" else f"list[{items}]"


def _object(schema: Schema, node: Object, depth: int) -> str:
    if depth <= 0 or not node.fields:
        return "dict"
    members = [
        f"{_key(member.name)}{'' if member.required else '?'}: {_shape(schema, member.type, depth - 1)}"
        for member in sorted(node.fields, key=lambda member: not member.required)[:_MOST_MEMBERS]
    ]
    more = ", …" if len(node.fields) > _MOST_MEMBERS or node.extra is not None else ""
    return "{" + ", ".join(members) + more + "}"


def _key(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else python_literals.value(name, _LONGEST_LITERAL)


def _literals(node: Literals) -> str:
    if [*node.values] == [None]:
        return "None"
    shown = [python_literals.value(value, _LONGEST_LITERAL) for value in node.values[:_MOST_LITERALS]]
    more = ", …" if len(node.values) > _MOST_LITERALS else ""
    return f"Literal[{', '.join(shown)}{more}]"


def _is_plain(node: Node) -> bool:
    return not isinstance(node, Object | Map | Array | Tuple | Union | Reference | Anything)
