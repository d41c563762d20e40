"""The types of one generated TypeScript module."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from underpass.codegen.ir import (
    ANY,
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
    Schema,
    Tuple,
    Union,
    discriminator,
)
from underpass.codegen.text import clean_line
from underpass.codegen.typescript_literals import comment, key, string, value

PRIMITIVES: Final = {
    "null": "null",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "string": "string",
}
_TAKEN: Final = frozenset({"Array", "Promise", "Record"})
_WORD = re.compile(r"[^\W_]+")
_ATOM = re.compile(r"[^\W\d]\w*(\[\])*")
_EXACT = 2**53
"""From here on, JavaScript's numbers are no longer all whole numbers."""

_LONGEST_NAME = 60
_LONGEST_DESCRIPTION = 400
_LONGEST_DEFAULT = 80
_LONGEST_COMMENTS = 60_000
"""Characters of comments after which members are no longer described."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an interface. ``comment`` is a whole documentation comment, or empty."""

    key: str
    type: str
    optional: bool
    comment: str


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """An interface, or a type alias. ``index`` is the type of members that have no name of their own."""

    name: str
    members: tuple[Member, ...] = ()
    index: str = ""
    alias: str = ""


class TypeScriptTypes:
    """Collects the definitions that the types of one module need.

    ``reserved`` are names of the module's own, which no other type gets.
    """

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self.pending: deque[Callable[[], None]] = deque()
        self._collected: list[TypeDefinition] = []
        self._taken = {*_TAKEN, *reserved}
        self._counts: dict[str, int] = {}
        self._left = _LONGEST_COMMENTS

    def scope(self, schema: Schema, prefix: str, *, output: bool) -> TypeWriter:
        """Return the writer of types for one schema; the names of all start with ``prefix``."""
        return TypeWriter(self, schema, prefix, output=output)

    def add(self, definition: TypeDefinition) -> None:
        """Add a definition to those of the module."""
        self._collected.append(definition)

    def discard(self) -> None:
        """Forget the definitions that were added since the last time, as after an error."""
        self.pending.clear()
        self._collected.clear()

    def definitions(self) -> list[TypeDefinition]:
        """Return the definitions that were added since the last time, and all that they need."""
        # Named types wait here instead of calling each other: a chain of them may be long.
        while self.pending:
            self.pending.popleft()()
        collected, self._collected = self._collected, []
        return collected

    def name(self, prefix: str, hint: str) -> str:
        """Return an unused type name made of ``prefix`` and the words of ``hint``."""
        words = _WORD.findall(hint[: 2 * _LONGEST_NAME])
        text = "".join(word[0].upper() + word[1:] for word in words)
        text = "".join(letter for letter in text if ("a" + letter).isidentifier())[:_LONGEST_NAME]
        name = unique = prefix + (text or "Type")
        while unique in self._taken:
            self._counts[name] = self._counts.get(name, 1) + 1
            unique = f"{name}{self._counts[name]}"
        self._taken.add(unique)
        return unique

    def describe(self, field: Field) -> str:
        """Return the comment of a member: what it is, what it is by default, what narrows it."""
        if self._left <= 0:
            return ""
        facts = [f"{name} {clean_line(str(limit), 120)}" for name, limit in field.constraints]
        if field.has_default:
            facts.insert(0, f"default {clean_line(value(field.default, _LONGEST_DEFAULT), _LONGEST_DEFAULT)}")
        text = clean_line(field.description, _LONGEST_DESCRIPTION)
        if facts:
            text = f"{text}{' ' if text else ''}({', '.join(facts)})"
        self._left -= len(text)
        return comment(text)


class TypeWriter:
    """Writes the types of one schema.

    An input is written by the caller, an output is read. An open object that is an input takes every
    object: in TypeScript that is one of ``any``, for an interface is no ``Record`` of ``unknown``.
    """

    def __init__(self, types: TypeScriptTypes, schema: Schema, prefix: str, *, output: bool) -> None:
        self._types = types
        self._schema = schema
        self._prefix = prefix
        self._open = "unknown" if output else "any"
        self._named: dict[str, str] = {}
        self._in_alias = False

    def define(self, name: str, node: Node) -> None:
        """Add the type ``node`` under a ``name`` that is reserved for it."""
        if isinstance(node, Object) and node.fields:
            self._interface(name, node, "")
        else:
            self._types.add(TypeDefinition(name, alias=self.type(node, "")))

    def type(self, node: Node, hint: str) -> str:
        """Return how ``node`` is written; ``hint`` names the interface if one is needed."""
        if isinstance(node, Primitive):
            return PRIMITIVES[node.kind]
        if isinstance(node, Anything):
            return "unknown"
        if isinstance(node, Nothing):
            return "never"
        if isinstance(node, Literals):
            return " | ".join(dict.fromkeys(literal(value) for value in node.values))
        if isinstance(node, Union):
            return self._union(node, hint)
        if isinstance(node, Array):
            return array_of(self.type(node.items, f"{hint} item"))
        if isinstance(node, Tuple):
            return self._tuple(node, hint)
        if isinstance(node, Map):
            return self._record(node.values, hint)
        if isinstance(node, Reference):
            return self._reference(node.name)
        if not node.fields:
            return "Record<string, never>" if node.closed else f"Record<string, {self._open}>"
        name = self._types.name(self._prefix, hint)
        self._interface(name, node, hint)
        return name

    def _union(self, node: Union, hint: str) -> str:
        cases = discriminator(self._schema, node)
        tags = {} if cases is None else {id(case): str(tag) for tag, case in cases.cases.items()}
        # Two members may look alike in TypeScript.
        written = (self.type(member, f"{hint} {tags.get(id(member), '')}") for member in node.members)
        return " | ".join(dict.fromkeys(written))

    def _tuple(self, node: Tuple, hint: str) -> str:
        places = [self.type(item, f"{hint} item") for item in node.items]
        shown = [
            place if number < node.least else f"{place}?" if _ATOM.fullmatch(place) else f"({place})?"
            for number, place in enumerate(places)
        ]
        rest: list[str] = []
        if node.rest is not None:
            items = self.type(node.rest, f"{hint} item")
            # In the form `Array<…>` the checker wants to know it at once, and a tuple may be of itself.
            rest = [f"...{items}[]" if _ATOM.fullmatch(items) else f"...({items})[]"]
        return f"[{', '.join([*shown, *rest])}]"

    def _record(self, values: Node, hint: str) -> str:
        shown = self._open if isinstance(values, Anything) else self.type(values, f"{hint} value")
        # An alias may lead back to itself through an index signature, and not through Record.
        return f"{{ [key: string]: {shown} }}" if self._in_alias else f"Record<string, {shown}>"

    def _reference(self, name: str) -> str:
        if name not in self._named:
            node = self._schema.definitions.get(name, ANY)
            unique = self._named[name] = self._types.name(self._prefix, name)
            if isinstance(node, Object) and node.fields:
                self._types.pending.append(partial(self._interface, unique, node, name))
            else:
                self._types.pending.append(partial(self._alias, unique, node, name))
        return self._named[name]

    def _alias(self, name: str, node: Node, hint: str) -> None:
        before, self._in_alias = self._in_alias, True
        alias = self.type(node, f"{hint} value")
        self._in_alias = before
        self._types.add(TypeDefinition(name, alias=alias))

    def _interface(self, name: str, node: Object, hint: str) -> None:
        before, self._in_alias = self._in_alias, False
        members = tuple(
            Member(
                key=key(field.name),
                type=self.type(field.type, f"{hint} {field.name}"),
                optional=not field.required,
                comment=self._types.describe(field),
            )
            for field in node.fields
        )
        self._in_alias = before
        index = "" if node.extra is None else self._open
        self._types.add(TypeDefinition(name, members, index=index))


def literal(value: Scalar) -> str:
    """Return the type that one JSON scalar has."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return repr(value) if abs(value) < _EXACT else "number"


def array_of(items: str) -> str:
    """Return the type of an array of ``items``."""
    return f"{items}[]" if _ATOM.fullmatch(items) else f"Array<{items}>"
