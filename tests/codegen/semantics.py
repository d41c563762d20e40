"""What the intermediate form means: whether a JSON value is of a type."""

from typing import Any, cast

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


def accepts(schema: Schema, node: Node, value: Any) -> bool:
    """Whether ``value`` is of the type ``node``; members that an object is silent about may be there."""
    match node:
        case Anything():
            return True
        case Nothing():
            return False
        case Primitive(kind):
            return _is(kind, value)
        case Literals():
            return any(_equal(value, literal) for literal in node.values)
        case Union(members):
            return any(accepts(schema, member, value) for member in members)
        case Reference(name):
            return accepts(schema, schema.definitions[name], value)
        case Array(items):
            return isinstance(value, list) and all(
                accepts(schema, items, item) for item in cast("list[Any]", value)
            )
        case Tuple(items, rest):
            return isinstance(value, list) and _places(schema, items, rest, cast("list[Any]", value))
        case Map(values):
            return isinstance(value, dict) and all(
                accepts(schema, values, member) for member in cast("dict[str, Any]", value).values()
            )
        case Object():
            return isinstance(value, dict) and _members(schema, node, cast("dict[str, Any]", value))


def _places(schema: Schema, items: tuple[Node, ...], rest: Node | None, value: list[Any]) -> bool:
    first = all(accepts(schema, item, part) for item, part in zip(items, value, strict=False))
    after = value[len(items) :]
    return first and (not after or (rest is not None and all(accepts(schema, rest, part) for part in after)))


def _members(schema: Schema, node: Object, value: dict[str, Any]) -> bool:
    fields = {field.name: field for field in node.fields}
    return (
        all(field.name in value for field in node.fields if field.required)
        and all(accepts(schema, fields[name].type, value[name]) for name in fields.keys() & value.keys())
        and not (node.closed and value.keys() - fields.keys())
    )


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int | float):
        return kind == "number" or (kind == "integer" and value == int(value))
    return (kind == "string" and isinstance(value, str)) or (kind == "null" and value is None)


def _equal(value: Any, literal: Any) -> bool:
    return value == literal and isinstance(value, bool) == isinstance(literal, bool)
