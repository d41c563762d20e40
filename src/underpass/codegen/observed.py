"""What is known of results that no server declared: the shapes of earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.ir import NULL, Anything, Array, Map, Node, Object, Schema


@dataclass(frozen=True, slots=True)
class ObservedShape:
    """A JSON Schema that held for the first results of a tool; the next may differ.

    ``count`` says of how many. Generated types never rely on it: to a type checker they are ``Any``.
    """

    schema: Mapping[str, Any]
    count: int

    @property
    def mark(self) -> str:
        """``observed 7 times``; from ten on in round numbers, so that generated text seldom changes."""
        if self.count < 10:
            return f"observed {self.count} time{'' if self.count == 1 else 's'}"
        size = 10 ** (len(str(self.count)) - 1)
        leading = next(step for step in (5, 2, 1) if self.count >= step * size)
        return f"observed {leading * size:,}+ times"


Observations = Callable[[ToolDefinition], ObservedShape | None]
"""Finds what was observed of a tool, under exactly this definition."""


def unobserved(_tool: ToolDefinition) -> None:
    """The ``Observations`` of someone who has none."""


def is_vague(schema: Schema, node: Node) -> bool:
    """Whether a declared type says no more than which JSON type a result has."""
    members = [member for member in schema.alternatives(node) if member != NULL]
    if not members or any(isinstance(member, Anything) for member in members):
        return node != NULL
    return all(_is_vague(schema, member) for member in members)


def _is_vague(schema: Schema, node: Node) -> bool:
    if isinstance(node, Object):
        return not node.fields and not node.closed
    if isinstance(node, Array):
        # What is in the array decides; its own type alone helps nobody. References may be circular.
        return isinstance(node.items, Anything | Object | Array | Map) and _is_vague(schema, node.items)
    if isinstance(node, Map):
        return isinstance(node.values, Anything)
    return isinstance(node, Anything)
