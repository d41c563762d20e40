"""Which tools a worked example can be made of: those that list things, and those that take one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from underpass.codegen.example_arguments import example_arguments
from underpass.codegen.interface import ToolInterface, tool_interface
from underpass.codegen.ir import Array, Field, Kind, Node, Object, Primitive, Schema
from underpass.codegen.result_use import Use
from underpass.discovery.hit import Hit

_NAMES: Final = ("title", "name", "summary", "path", "term")
"""What tells people most about a thing."""
_FIGURES: Final = ("score", "total", "amount", "count", "size", "price", "rank")
"""What things are put in order by."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool that lists things."""

    hit: Hit
    interface: ToolInterface
    arguments: Mapping[str, Any]
    member: str
    """Of the result, that has the list; empty where the result is the list."""
    item: Object


@dataclass(frozen=True, slots=True)
class Step:
    """A tool to be called for each of the things."""

    hit: Hit
    interface: ToolInterface
    parameter: str
    member: str
    """Of the thing, that the parameter takes."""
    others: Mapping[str, Any]
    """Arguments that are the same in each call."""


def listed(hit: Hit) -> Listed | None:
    """Return what a tool lists, where it is objects; None where it lists nothing."""
    interface = tool_interface(hit.tool, hit.observed)
    found = _list_in(interface)
    if found is None or (arguments := example_arguments(hit.tool, interface)) is None:
        return None
    return Listed(hit, interface, arguments, *found)


def _list_in(interface: ToolInterface) -> tuple[str, Object] | None:
    """Return where in a result the things are, and what they are; None where there is no list of objects."""
    schema = interface.result
    node = _only(schema, interface.returns)
    if isinstance(node, Array):
        item = _only(schema, node.items)
        return ("", item) if isinstance(item, Object) else None
    if not isinstance(node, Object):
        return None
    for field in node.fields:
        inner = _only(schema, field.type)
        if (
            field.required
            and isinstance(inner, Array)
            and isinstance(item := _only(schema, inner.items), Object)
        ):
            return field.name, item
    return None


def _only(schema: Schema, node: Node) -> Node | None:
    """Return the one type that a node is; None for a union."""
    alternatives = list(schema.alternatives(node))
    return alternatives[0] if len(alternatives) == 1 else None


def step_for(first: Listed, hit: Hit) -> Step | None:
    """Return how a tool is called for each of the things listed; None where it takes nothing of them."""
    if hit.server != first.hit.server or hit.name == first.hit.name:
        return None
    interface = tool_interface(hit.tool, hit.observed)
    required = [field for field in interface.parameters if field.required]
    for parameter in required:
        member = next(
            (field for field in first.item.fields if _is_same(first, field, parameter, interface)), None
        )
        others = [field.name for field in required if field.name != parameter.name]
        if member is not None and all(name in first.arguments for name in others):
            shared = {name: first.arguments[name] for name in others}
            return Step(hit, interface, parameter.name, member.name, shared)
    return None


def _is_same(first: Listed, member: Field, parameter: Field, interface: ToolInterface) -> bool:
    """Whether a tool's parameter takes what a member of the listed things has: by name and by type."""
    kinds = (_only(first.interface.result, member.type), _only(interface.arguments, parameter.type))
    if not member.required or parameter.name in first.arguments:
        return False
    if not all(isinstance(kind, Primitive) for kind in kinds) or kinds[0] != kinds[1]:
        return False
    have, wanted = _plain(member.name), _plain(parameter.name)
    # The thing's own number: `order` or `order_id` for the `id` of what `list_orders` gives.
    return have == wanted or (
        have == "id" and (noun := wanted.removesuffix("id")) != "" and noun in _plain(first.hit.name)
    )


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def name_of(first: Listed) -> str | None:
    """Return the member of the things that tells them apart for people; None where none is text."""
    texts = _members(first, {"string"})
    return next((name for name in _NAMES if name in texts), texts[0] if texts else None)


def figure_of(first: Listed) -> str | None:
    """Return the member of the things by which they can be put in order."""
    numbers = _members(first, {"number", "integer"})
    return next((name for name in _FIGURES if name in numbers), None)


def _members(first: Listed, kinds: Collection[Kind]) -> Sequence[str]:
    """Return the members of the things that are always there, of these kinds; a number is no id."""
    return [
        field.name
        for field in first.item.fields
        if field.required
        and not _plain(field.name).endswith("id")
        and isinstance(kind := _only(first.interface.result, field.type), Primitive)
        and kind.kind in kinds
    ]


def kind_of(step: Step, use: Use) -> str | None:
    """Return the kind of the member that is used of each result, where it is always there."""
    schema: Schema = step.interface.result
    node = _only(schema, step.interface.returns)
    if use.kind != "member" or use.optional or not isinstance(node, Object):
        return None
    member = next(field for field in node.fields if field.name == use.member)
    kind = _only(schema, member.type)
    return kind.kind if isinstance(kind, Primitive) else None
