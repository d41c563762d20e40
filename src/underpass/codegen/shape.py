"""Types in one line, for people and models: ``list[{name: str, age?: int}]``.

Close to a language's own annotations, but with the members of objects in place instead of names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from underpass.codegen import python_literals, typescript_literals
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
from underpass.codegen.typescript_types import PRIMITIVES, array_of

_MOST_LITERALS = 16
_MOST_MEMBERS = 12
_LONGEST_LITERAL = 40


@dataclass(frozen=True, slots=True)
class Notation:
    """How a language writes types, values, and the types of arrays, maps and literals."""

    primitives: Mapping[str, str]
    anything: str
    nothing: str
    any_array: str
    array: Callable[[str], str]
    any_map: str
    map: Callable[[str], str]
    literals: Callable[[list[str]], str]
    braces: tuple[str, str]
    value: Callable[[object, int], str]
    scalar: Callable[[object], str]
    """A text, number, boolean or null as code, whole."""
    key: Callable[[str], str]
    """How an object's member is named in a value."""
    indentation: int


PYTHON: Final = Notation(
    primitives={"null": "None", "boolean": "bool", "integer": "int", "number": "float", "string": "str"},
    anything="Any",
    nothing="Never",
    any_array="list",
    array="list[{}]".format,
    any_map="dict",
    map="dict[str, {}]".format,
    literals=lambda shown: f"Literal[{', '.join(shown)}]",
    braces=("{", "}"),
    value=python_literals.value,
    scalar=python_literals.scalar,
    key=python_literals.string,
    indentation=4,
)
TYPESCRIPT: Final = Notation(
    primitives=PRIMITIVES,
    anything="unknown",
    nothing="never",
    any_array="unknown[]",
    array=array_of,
    any_map="Record<string, unknown>",
    map="Record<string, {}>".format,
    literals=" | ".join,
    braces=("{ ", " }"),
    value=typescript_literals.value,
    scalar=typescript_literals.scalar,
    key=typescript_literals.member,
    indentation=2,
)


def shape(
    schema: Schema, node: Node, notation: Notation = PYTHON, *, depth: int = 3, limit: int = 200
) -> str:
    """Return ``node`` in at most ``limit`` characters, with objects open down to ``depth`` levels."""
    shown = ""
    for levels in range(depth, -1, -1):
        shown = _Shape(schema, notation).of(node, levels)
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


@dataclass(frozen=True, slots=True)
class _Shape:
    schema: Schema
    notation: Notation

    def of(self, node: Node, depth: int) -> str:
        node = self.schema.resolve(node)
        if isinstance(node, Union):
            # References among the members are resolved once each, however often they lead to one type.
            members = islice(self.schema.alternatives(node), _MOST_MEMBERS + 1)
            shown = list(dict.fromkeys(self.of(member, depth) for member in members))
            return " | ".join(shown if len(shown) <= _MOST_MEMBERS else [*shown[:_MOST_MEMBERS], "…"])
        if isinstance(node, Primitive):
            return self.notation.primitives[node.kind]
        if isinstance(node, Literals):
            return self._literals(node)
        if isinstance(node, Array | Tuple):
            return self._array(node, depth)
        if isinstance(node, Map):
            if depth <= 0 or isinstance(node.values, Anything):
                return self.notation.any_map
            return self.notation.map(self.of(node.values, depth - 1))
        if isinstance(node, Object):
            return self._object(node, depth)
        return self.notation.nothing if isinstance(node, Nothing) else self.notation.anything

    def _array(self, node: Array | Tuple, depth: int) -> str:
        if depth <= 0:
            return self.notation.any_array
        if isinstance(node, Tuple):
            places = ", ".join(self.of(item, depth - 1) for item in node.items)
            return f"[{places}{'' if node.rest is None else ', …'}]"
        items = self.of(node.items, depth - (0 if _is_plain(node.items) else 1))
        anything = items == self.notation.anything
        return self.notation.any_array if anything else self.notation.array(items)

    def _object(self, node: Object, depth: int) -> str:
        if depth <= 0 or not node.fields:
            return self.notation.any_map
        members = [
            f"{self._key(member.name)}{'' if member.required else '?'}: {self.of(member.type, depth - 1)}"
            for member in sorted(node.fields, key=lambda member: not member.required)[:_MOST_MEMBERS]
        ]
        if len(node.fields) > _MOST_MEMBERS or node.extra is not None:
            members.append("…")
        opening, closing = self.notation.braces
        return f"{opening}{', '.join(members)}{closing}"

    def _key(self, name: str) -> str:
        if name.isidentifier() and name.isascii():
            return name
        return self.notation.value(name, _LONGEST_LITERAL)

    def _literals(self, node: Literals) -> str:
        if [*node.values] == [None]:
            return self.notation.primitives["null"]
        shown = [self.notation.value(value, _LONGEST_LITERAL) for value in node.values[:_MOST_LITERALS]]
        if len(node.values) > _MOST_LITERALS:
            shown.append("…")
        return self.notation.literals(shown)


def _is_plain(node: Node) -> bool:
    return not isinstance(node, Object | Map | Array | Tuple | Union | Reference | Anything)
