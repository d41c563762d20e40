"""Reading a JSON Schema into the intermediate form.

The reader knows 2020-12 and the forms of drafts 4 to 7 that are still about. It never raises and
never fetches; whatever cannot be represented becomes a wider type and leaves a note. Depth, size and
the growth of combinations are bounded, so a hostile schema costs no more than a large one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, cast

from underpass.codegen.algebra import intersect, union
from underpass.codegen.grounding import grounded
from underpass.codegen.ir import (
    ANY,
    BOOLEAN,
    INTEGER,
    MISSING,
    NEVER,
    NULL,
    NUMBER,
    STRING,
    Array,
    Field,
    Literals,
    Map,
    Node,
    Nothing,
    Object,
    Reference,
    Scalar,
    Schema,
    Tuple,
)
from underpass.codegen.keywords import (
    ARRAY_KEYS,
    OBJECT_KEYS,
    constraints_of,
    is_small,
    list_of,
    members_of,
    outline,
    reference_of,
    says,
    scalar_of,
    subschema,
    text_of,
    title_of,
)
from underpass.codegen.references import References, Target, scope

_DEEPEST = 48
_FARTHEST = 150
"""Levels that a type may be away from the root, by way of references: type checkers follow them all."""
_MOST_NODES = 20_000
_MOST_NOTES = 20
_LONGEST_LITERALS = 50_000

_SCALARS: Final = {"null": NULL, "boolean": BOOLEAN, "integer": INTEGER, "number": NUMBER, "string": STRING}
_OLD_DRAFTS: Final = ("draft-03", "draft-04", "draft-06", "draft-07")
_ANNOTATIONS: Final = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"}
    | {"$comment", "$id", "$schema", "$defs", "definitions", "$anchor", "nullable"}
)
_ALL: Final = frozenset({"", ".*", "^.*$", ".+", "^.+$", "^(.*)$", "^", "$"})
"""Patterns that match every name, as generators of schemas write them; no author counts empty names."""
# Branches made of these alone say which members go together; that no type can express.
_CONDITIONS: Final = _ANNOTATIONS | {"required", "not", "if", "then", "else", "dependentRequired"}


def read_schema(schema: object) -> Schema:
    """Return the intermediate form of ``schema``, whatever it is."""
    if not isinstance(schema, Mapping):
        return Schema(NEVER if schema is False else ANY)
    try:
        return _Reader(cast("Mapping[str, Any]", schema)).read_document()
    except RecursionError:  # the caller's own stack was nearly full
        return Schema(ANY, notes=("the schema is nested too deeply: any value is accepted",))


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._references = References(document)
        self._old = any(draft in text_of(document, "$schema")[:100] for draft in _OLD_DRAFTS)
        self._definitions: dict[str, Node] = {}
        self._names: dict[int, str] = {}
        self._taken: dict[str, int] = {}
        self._pending: deque[tuple[str, Target, int]] = deque()
        self._distance = 0
        self._inlined: dict[int, Node] = {}
        self._inlining: set[int] = set()
        self._left = _MOST_NODES
        self._notes: dict[str, None] = {}

    def read_document(self) -> Schema:
        references = self._references
        root = self._read(references.document, references.document, references.base, 0)
        while self._pending:
            name, target, self._distance = self._pending.popleft()
            self._definitions[name] = self._read(target.schema, target.resource, target.base, 0)
        return Schema(root, grounded(self._definitions), tuple(self._notes))

    def _note(self, note: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes[note] = None

    def _read(
        self, schema: object, resource: Mapping[str, Any], base: str, depth: int, *, inline: bool = False
    ) -> Node:
        if isinstance(schema, bool):
            return ANY if schema else NEVER
        if not isinstance(schema, Mapping):
            self._note("a subschema is neither an object nor a boolean: any value is accepted there")
            return ANY
        self._left -= 1
        if self._left < 0:
            self._note(f"the schema has more than {_MOST_NODES} parts: the rest accepts any value")
            return ANY
        if depth > _DEEPEST:
            self._note(f"the schema is nested deeper than {_DEEPEST} levels: any value is accepted below")
            return ANY
        members = cast("Mapping[str, Any]", schema)
        if members is not resource:
            resource, base = scope(members, resource, base)
        node = self._combined(members, resource, base, depth, inline=inline)
        return union((node, NULL)) if members.get("nullable") is True else node

    def _combined(
        self, schema: Mapping[str, Any], resource: Mapping[str, Any], base: str, depth: int, *, inline: bool
    ) -> Node:
        """Return the intersection of everything that the schema says at once."""
        reference = reference_of(schema)
        if reference is not None and self._old:
            return self._refer(reference, resource, base, depth, inline=inline)
        own = self._own(schema, resource, base, depth)
        conjuncts = [part for part in list_of(schema, "allOf") if part is not True]
        choices = [choice for key in ("anyOf", "oneOf") if (choice := list_of(schema, key))]
        # A named type stays a name unless something else must be merged into it.
        inline = inline or len(conjuncts) + len(choices) + (reference is not None) + (own != ANY) > 1
        node = ANY
        if reference is not None:
            node = intersect(node, self._refer(reference, resource, base, depth, inline=inline))
        node = intersect(node, own)
        for part in conjuncts:
            node = intersect(node, self._read(part, resource, base, depth + 1, inline=inline))
        for choice in choices:
            node = intersect(node, self._choice(choice, resource, base, depth, inline=inline))
        return node

    def _choice(
        self, branches: list[Any], resource: Mapping[str, Any], base: str, depth: int, *, inline: bool
    ) -> Node:
        if any(isinstance(branch, Mapping) and not branch.keys() - _CONDITIONS for branch in branches):
            return ANY
        return union(self._read(branch, resource, base, depth + 1, inline=inline) for branch in branches)

    def _own(self, schema: Mapping[str, Any], resource: Mapping[str, Any], base: str, depth: int) -> Node:
        """Return what the schema says without references and combinations."""
        node = self._typed(schema, resource, base, depth)
        if "const" in schema:
            node = intersect(self._values([schema["const"]]), node)
        values = schema.get("enum")
        if isinstance(values, list) and values:
            node = intersect(self._values(cast("list[Any]", values)), node)
        return node

    def _typed(self, schema: Mapping[str, Any], resource: Mapping[str, Any], base: str, depth: int) -> Node:
        declared = schema.get("type")
        if declared is None:
            if any(says(schema, key) for key in OBJECT_KEYS):
                declared = "object"
            elif any(says(schema, key) for key in ARRAY_KEYS):
                declared = "array"
            else:
                return ANY
        kinds = cast("list[object]", declared) if isinstance(declared, list) else [declared]
        return union(self._kind(kind, schema, resource, base, depth) for kind in kinds) if kinds else ANY

    def _kind(
        self, kind: object, schema: Mapping[str, Any], resource: Mapping[str, Any], base: str, depth: int
    ) -> Node:
        if kind == "object":
            return self._object(schema, resource, base, depth)
        if kind == "array":
            return self._array(schema, resource, base, depth)
        if isinstance(kind, str) and kind in _SCALARS:
            return _SCALARS[kind]
        if isinstance(kind, Mapping):  # draft 3 let a type be a schema
            return self._read(cast("object", kind), resource, base, depth + 1)
        shown = repr(kind[:40]) if isinstance(kind, str) else f"({type(kind).__name__})"
        self._note(f"the type {shown} is none of JSON Schema's: any value is accepted there")
        return ANY

    def _values(self, values: list[Any]) -> Node:
        """Return the type of the given constants; those with parts are widened to their type."""
        scalars: list[Scalar] = []
        others: list[Node] = []
        size = 0
        for value in values:
            scalar = scalar_of(value)
            if scalar is MISSING:
                others.append(outline(value))
                continue
            size += len(scalar) if isinstance(scalar, str) else 8
            scalars.append(cast("Scalar", scalar))
        if size > _LONGEST_LITERALS:
            self._note("an enumeration is too long to be written out: its type stands for it")
            return union([*(outline(value) for value in scalars), *others])
        return union([Literals(tuple(scalars)) if scalars else NEVER, *others])

    def _array(self, schema: Mapping[str, Any], resource: Mapping[str, Any], base: str, depth: int) -> Node:
        items = schema.get("items", True)
        prefix = list_of(schema, "prefixItems")
        rest = items
        if not prefix and isinstance(items, list):
            prefix, rest = cast("list[Any]", items), schema.get("additionalItems", True)
        if not prefix:
            return Array(self._read(True if isinstance(items, list) else items, resource, base, depth + 1))
        places = tuple(self._read(place, resource, base, depth + 1) for place in prefix)
        minimum: object = schema.get("minItems")
        least = max(0, min(minimum, len(places))) if isinstance(minimum, int) else 0
        if rest is False or schema.get("maxItems") == len(places):
            return Tuple(places, None, least)
        after = self._read(rest, resource, base, depth + 1)
        return Tuple(places, None if isinstance(after, Nothing) else after, least)

    def _object(self, schema: Mapping[str, Any], resource: Mapping[str, Any], base: str, depth: int) -> Node:
        required = dict.fromkeys(name for name in list_of(schema, "required") if isinstance(name, str))
        additional: object = schema.get("additionalProperties")
        fields: list[Field] = []
        for name, member in members_of(schema, "properties"):
            node = self._read(member, resource, base, depth + 1)
            if name in required or not isinstance(node, Nothing):
                fields.append(self._field(name, node, member, resource, base, required=name in required))
            required.pop(name, None)
        patterns = list(members_of(schema, "patternProperties"))
        others = [self._read(part, resource, base, depth + 1) for _, part in patterns]
        if additional is None and any(pattern not in _ALL for pattern, _ in patterns):
            others.append(ANY)  # what no pattern matches may be anything
        if additional is True or isinstance(additional, Mapping):
            others.append(self._read(cast("object", additional), resource, base, depth + 1))
        extra = union(others)
        if isinstance(extra, Nothing):
            extra = None
        # Names that are required and not described must still be sent.
        fields.extend(Field(name, ANY if extra is None else extra, required=True) for name in required)
        if not fields and extra is not None:
            return Map(extra)
        return Object(
            fields=tuple(fields),
            extra=extra,
            closed=additional is False and extra is None,
            description=text_of(schema, "description"),
        )

    def _field(
        self, name: str, node: Node, schema: Any, resource: Mapping[str, Any], base: str, *, required: bool
    ) -> Field:
        if not isinstance(schema, Mapping):
            return Field(name, node, required=required)
        members = cast("Mapping[str, Any]", schema)
        reference = reference_of(members)
        description = text_of(members, "description")
        default: object = members.get("default", MISSING)
        if reference is not None and (not description or default is MISSING):
            target = self._references.resolve(reference, *scope(members, resource, base))
            theirs = None if target is None else subschema(target.schema)
            if isinstance(theirs, Mapping):
                description = description or text_of(theirs, "description")
                default = theirs.get("default", MISSING) if default is MISSING else default
        return Field(
            name=name,
            type=node,
            required=required,
            description=description or title_of(members, name),
            default=default,
            constraints=tuple(constraints_of(members)),
        )

    def _refer(
        self, reference: str, resource: Mapping[str, Any], base: str, depth: int, *, inline: bool
    ) -> Node:
        target = self._target(reference, resource, base)
        if target is None:
            return ANY
        if isinstance(target.schema, bool):
            return ANY if target.schema else NEVER
        key = id(target.schema)
        if is_small(target.schema, 2):
            return self._read(target.schema, target.resource, target.base, depth + 1)
        if inline:
            return self._inline(key, target, depth)
        if key not in self._names:
            distance = self._distance + depth + 1
            if distance > _FARTHEST:
                self._note(f"types more than {_FARTHEST} levels away accept any value")
                return ANY
            self._names[key] = self._name(target.name)
            self._pending.append((self._names[key], target, distance))
        return Reference(self._names[key])

    def _inline(self, key: int, target: Target, depth: int) -> Node:
        if key in self._inlining:
            self._note("a type that extends itself was widened")
            return ANY
        if key not in self._inlined:
            self._inlining.add(key)
            self._inlined[key] = self._read(
                target.schema, target.resource, target.base, depth + 1, inline=True
            )
            self._inlining.discard(key)
        return self._inlined[key]

    def _target(self, reference: str, resource: Mapping[str, Any], base: str) -> Target | None:
        """Follow a reference, and references to references, to a schema of its own."""
        seen: set[int] = set()
        while True:
            target = self._references.resolve(reference, resource, base)
            schema = None if target is None else subschema(target.schema)
            if target is None or schema is None:
                self._note(
                    f"the reference {reference[:80]!r} leads nowhere in this schema: any value is accepted"
                )
                return None
            if isinstance(schema, bool):
                return target
            onward = reference_of(schema)
            if onward is None or schema.keys() - _ANNOTATIONS > {"$ref"}:
                return target
            if id(schema) in seen:
                self._note(f"the reference {reference[:80]!r} leads back to itself: any value is accepted")
                return None
            seen.add(id(schema))
            reference, resource, base = onward, target.resource, target.base

    def _name(self, wanted: str) -> str:
        wanted = name = wanted[:60] or "Type"
        while name in self._taken:
            self._taken[wanted] += 1
            name = f"{wanted}{self._taken[wanted]}"
        self._taken[name] = 1
        return name
