"""The one intermediate form of a schema, from which every language's types are made.

A type is a small tree of frozen nodes. Names in it are the JSON names: identifiers belong to the
back ends. Every tree is finite: a type that contains itself does so through a ``Reference`` to an
entry of ``Schema.definitions``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from typing import Literal as _Choice

Scalar = str | int | float | bool | None
"""A JSON value without parts."""


class Missing:
    """The type of ``MISSING``: there is no default (``None`` is one)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Anything:
    """Every JSON value: the ``true`` schema, and whatever cannot be said more precisely."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value at all: the ``false`` schema, and contradictions."""


Kind = _Choice["null", "boolean", "integer", "number", "string"]


@dataclass(frozen=True, slots=True)
class Primitive:
    """Every value of one scalar type."""

    kind: Kind


@dataclass(frozen=True, slots=True, eq=False)
class Literals:
    """One of some given scalars (``enum``, ``const``), in the schema's order."""

    values: tuple[Scalar, ...]

    @property
    def _key(self) -> tuple[tuple[str, Scalar], ...]:
        # Python holds 1, 1.0 and True for equal; JSON does not.
        return tuple((type(value).__name__, value) for value in self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literals) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@dataclass(frozen=True, slots=True)
class Array:
    """An array of any length."""

    items: Node


@dataclass(frozen=True, slots=True)
class Tuple:
    """An array whose first places have types of their own (``prefixItems``).

    ``rest`` is the type of what may follow them; ``None`` when nothing may. ``least`` of the places
    must be there.
    """

    items: tuple[Node, ...]
    rest: Node | None
    least: int = 0


@dataclass(frozen=True, slots=True)
class Map:
    """An object with any keys, said so by the schema, whose values have one type."""

    values: Node


@dataclass(frozen=True, slots=True)
class Field:
    """A named member of an object.

    ``constraints`` are the keywords that narrow the values further (``minimum``, ``format`` …), for
    documentation.
    """

    name: str
    type: Node
    required: bool = False
    description: str = field(default="", compare=False)
    default: object = field(default=MISSING, compare=False)
    constraints: tuple[tuple[str, Scalar], ...] = field(default=(), compare=False)

    @property
    def has_default(self) -> bool:
        """Whether the schema declares a default, ``null`` included."""
        return self.default is not MISSING


@dataclass(frozen=True, slots=True)
class Object:
    """An object with named members.

    ``extra`` is the type of other members, where the schema says explicitly that there may be some.
    ``closed`` tells that it says there may be none.
    """

    fields: tuple[Field, ...] = ()
    extra: Node | None = None
    closed: bool = False
    description: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Union:
    """Any of the members: two or more, none of them a union."""

    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The type that ``Schema.definitions`` has under ``name``."""

    name: str


Node = Anything | Nothing | Primitive | Literals | Array | Tuple | Map | Object | Union | Reference

ANY: Final = Anything()
NEVER: Final = Nothing()
NULL: Final = Primitive("null")
BOOLEAN: Final = Primitive("boolean")
INTEGER: Final = Primitive("integer")
NUMBER: Final = Primitive("number")
STRING: Final = Primitive("string")


@dataclass(frozen=True, slots=True)
class Schema:
    """A whole schema: its type, the types it names, and what had to be widened, in words."""

    root: Node
    definitions: Mapping[str, Node] = field(default_factory=dict[str, Node])
    notes: tuple[str, ...] = ()

    def resolve(self, node: Node) -> Node:
        """Follow ``node`` while it is a reference."""
        for _ in range(len(self.definitions) + 1):
            if not isinstance(node, Reference):
                return node
            node = self.definitions.get(node.name, ANY)
        return ANY

    def alternatives(self, node: Node) -> Iterator[Node]:
        """The members of a union, or the node itself; references resolved."""
        seen: set[str] = set()
        pending = [node]
        while pending:
            node = pending.pop()
            if isinstance(node, Reference):
                if node.name not in seen:
                    seen.add(node.name)
                    pending.append(self.definitions.get(node.name, ANY))
            elif isinstance(node, Union):
                pending.extend(reversed(node.members))
            else:
                yield node


@dataclass(frozen=True, slots=True)
class Discriminator:
    """How the objects of a union are told apart: by the value of one member."""

    name: str
    cases: Mapping[Scalar, Object]


def discriminator(schema: Schema, node: Node) -> Discriminator | None:
    """Return the member that tells the objects of ``node`` apart, if there is one.

    It is a required member that has one literal value in each of them, no two the same.
    """
    objects: list[Object] = []
    for alternative in schema.alternatives(node):
        if not isinstance(alternative, Object):
            return None
        objects.append(alternative)
    if len(objects) < 2:
        return None
    for name in (member.name for member in objects[0].fields):
        cases: dict[Scalar, Object] = {}
        for candidate in objects:
            tag = next((member for member in candidate.fields if member.name == name), None)
            if tag is None or not tag.required:
                break
            literal = schema.resolve(tag.type)
            if not isinstance(literal, Literals) or len(literal.values) != 1 or literal.values[0] in cases:
                break
            cases[literal.values[0]] = candidate
        else:
            return Discriminator(name, cases)
    return None
