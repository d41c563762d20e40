"""The types of one generated Python module."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from underpass.codegen import python_literals
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
    Schema,
    Tuple,
    Union,
)
from underpass.codegen.names import parameter_identifier
from underpass.codegen.text import clean_line

_PRIMITIVES: Final = {"null": "None", "boolean": "bool", "integer": "int", "number": "float", "string": "str"}
_TAKEN: Final = frozenset(
    {"Annotated", "Any", "Literal", "Never", "NotRequired", "TypeAlias", "TypedDict", "OMIT", "cast"}
    | {"None", "True", "False", "bool", "dict", "float", "int", "list", "str", "tuple", "call_tool"}
)
_WORD = re.compile(r"[^\W_]+")
_LONGEST_NAME = 60
_LONGEST_DESCRIPTION = 300
_LONGEST_KEY = 1_000
"""No type checker follows literals of any length."""


@dataclass(frozen=True, slots=True)
class ClassField:
    """One key of a ``TypedDict``."""

    key: str
    annotation: str
    description: str


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """A ``TypedDict``, in class syntax where every key is an identifier, or a type alias."""

    name: str
    fields: tuple[ClassField, ...] = ()
    total: bool = True
    functional: bool = False
    alias: str = ""


class PythonTypes:
    """Collects the definitions that the annotations of one module need.

    An input is written by the caller, an output is read: a fixed-length array may be given as a
    tuple, and always arrives as a list.
    """

    def __init__(self, function: str) -> None:
        self.imports: set[str] = set()
        self.collected: list[TypeDefinition] = []
        self.pending: deque[Callable[[], None]] = deque()
        self._taken = {*_TAKEN, function}
        self._counts: dict[str, int] = {}

    def scope(self, schema: Schema, *, output: bool) -> Annotations:
        """Return the maker of annotations for the types of one schema."""
        return Annotations(self, schema, output=output)

    def definitions(self) -> list[TypeDefinition]:
        """Return the definitions that all annotations so far need."""
        # Named types wait here instead of calling each other: a chain of them may be long.
        while self.pending:
            self.pending.popleft()()
        return self.collected

    def name(self, hint: str) -> str:
        """Return an unused class name made of ``hint``."""
        text = unicodedata.normalize("NFKC", hint[: 2 * _LONGEST_NAME])
        name = "".join(word[0].upper() + word[1:] for word in _WORD.findall(text))[:_LONGEST_NAME]
        name = unicodedata.normalize("NFKC", name)
        if not name.isidentifier():
            name = f"Type{name}"
        if not name.isidentifier():
            name = "Type"
        unique = name
        while unique in self._taken:
            self._counts[name] = self._counts.get(name, 1) + 1
            unique = f"{name}{self._counts[name]}"
        self._taken.add(unique)
        return unique


class Annotations:
    """Makes annotations for the types of one schema."""

    def __init__(self, types: PythonTypes, schema: Schema, *, output: bool) -> None:
        self._types = types
        self._schema = schema
        self._output = output
        self._named: dict[str, str] = {}
        self._quoting = False

    def annotation(self, node: Node, hint: str) -> str:
        """Return the annotation for ``node``; ``hint`` names the class if one is needed."""
        if isinstance(node, Primitive):
            return _PRIMITIVES[node.kind]
        if isinstance(node, Anything):
            return self._import("Any")
        if isinstance(node, Nothing):
            return self._import("Never")
        if isinstance(node, Literals):
            return self._literals(node)
        if isinstance(node, Union):
            # Two members may look alike in Python.
            return " | ".join(dict.fromkeys(self.annotation(member, hint) for member in node.members))
        if isinstance(node, Array):
            return f"list[{self.annotation(node.items, f'{hint} item')}]"
        if isinstance(node, Tuple):
            return self._tuple(node, hint)
        if isinstance(node, Map):
            return f"dict[str, {self.annotation(node.values, f'{hint} value')}]"
        if isinstance(node, Reference):
            return self._reference(node.name)
        return self._object(node, hint)

    def _import(self, name: str) -> str:
        self._types.imports.add(name)
        return name

    def _quoted(self, node: Node, hint: str) -> str:
        """Return a quoted annotation, which may refer forward."""
        before, self._quoting = self._quoting, True
        annotation = self.annotation(node, hint)
        self._quoting = before
        return python_literals.string(annotation)

    def _literals(self, node: Literals) -> str:
        shown: dict[str, None] = {}
        others: dict[str, None] = {}
        for value in node.values:
            literal = python_literals.string(value) if isinstance(value, str) else repr(value)
            if isinstance(value, float):  # Python has no such literal type
                others["float"] = None
            elif self._quoting and ("\\" in literal or "'" in literal):
                others["str"] = None  # no type checker reads escapes in a quoted annotation
            else:
                shown[literal] = None
        if list(shown) == ["None"]:
            return " | ".join([*others, "None"])
        literals = [f"{self._import('Literal')}[{', '.join(shown)}]"] if shown else []
        return " | ".join([*literals, *others])

    def _tuple(self, node: Tuple, hint: str) -> str:
        places = [self.annotation(item, f"{hint} item") for item in node.items]
        after = [] if node.rest is None else [self.annotation(node.rest, f"{hint} item")]
        anywhere = dict.fromkeys([*places, *after])
        listed = f"list[{'Any' if 'Any' in anywhere else ' | '.join(anywhere)}]"
        # Both forms repeat what is inside: in tuples of tuples that would double at each level.
        if self._output or node.rest is not None or "tuple[" in listed:
            return listed
        return f"tuple[{', '.join(places)}] | {listed}"

    def _reference(self, name: str) -> str:
        if name not in self._named:
            node = self._schema.definitions.get(name, ANY)
            if isinstance(node, Object):
                self._named[name] = self._object(node, name, later=True)
            else:
                unique = self._named[name] = self._types.name(name)
                self._types.pending.append(partial(self._alias, unique, node, name))
        return self._named[name]

    def _alias(self, unique: str, node: Node, hint: str) -> None:
        self._import("TypeAlias")
        alias = self._quoted(node, f"{hint} value")
        self._types.collected.append(TypeDefinition(unique, alias=alias))

    def _object(self, node: Object, hint: str, *, later: bool = False) -> str:
        if not node.fields:
            return f"dict[str, {self._import('Never' if node.closed else 'Any')}]"
        if any(len(member.name) > _LONGEST_KEY for member in node.fields):
            return f"dict[str, {self._import('Any')}]"
        name = self._types.name(hint)
        if later:
            self._types.pending.append(partial(self._class, name, node, hint))
        else:
            self._class(name, node, hint)
        # Members that the schema leaves open are no part of a TypedDict: a plain dict has them.
        return name if node.extra is None else f"{name} | dict[str, {self._import('Any')}]"

    def _class(self, name: str, node: Object, hint: str) -> None:
        self._import("TypedDict")
        quoting, self._quoting = self._quoting, False
        required = [member.required for member in node.fields]
        functional = not all(_is_plain_key(member.name) for member in node.fields)
        mixed = any(required) and not all(required)
        fields = tuple(self._field(member, hint, mixed=mixed, quoted=functional) for member in node.fields)
        definition = TypeDefinition(name, fields, total=any(required), functional=functional)
        self._types.collected.append(definition)
        self._quoting = quoting

    def _field(self, member: Field, hint: str, *, mixed: bool, quoted: bool) -> ClassField:
        annotate = self._quoted if quoted else self.annotation
        annotation = annotate(member.type, f"{hint} {member.name}")
        if mixed and not member.required:
            annotation = f"{self._import('NotRequired')}[{annotation}]"
        return ClassField(
            key=python_literals.string(member.name) if quoted else member.name,
            annotation=annotation,
            description=python_literals.docstring_body(clean_line(member.description, _LONGEST_DESCRIPTION)),
        )


def _is_plain_key(key: str) -> bool:
    return parameter_identifier(key) == key or key in {"call_tool", "cast", "extra"}
