"""What to do first with the result of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from underpass.codegen.interface import ToolInterface
from underpass.codegen.ir import STRING, Array, Field, Literals, Node, Object, Primitive, Schema

_LONGEST_KEY = 60


@dataclass(frozen=True, slots=True)
class Use:
    """What an example does with a result.

    ``"whole"``: it is the program's value; ``"text"``: its beginning is; ``"first"``: the first entries are;
    ``"each"``: one ``member`` of every entry; ``"member"``: one member. ``optional`` members may be missing.
    """

    kind: Literal["whole", "text", "first", "each", "member"]
    member: str = ""
    optional: bool = False
    observed: bool = False
    """Whether the type is not declared, but was seen: to a type checker, the result is of any type."""


WHOLE: Final = Use("whole")


def use_of(interface: ToolInterface) -> Use:
    """Return what an example does with a result of this interface."""
    if interface.returns_text:
        return WHOLE
    schema = interface.result
    seen = bool(interface.observed)
    alternatives = list(schema.alternatives(interface.returns))
    node = alternatives[0] if len(alternatives) == 1 else None
    if node == STRING:
        return Use("text", observed=seen)
    if isinstance(node, Array):
        entries = list(schema.alternatives(node.items))
        field = _telling(schema, entries[0]) if len(entries) == 1 else None
        if field is None:
            return Use("first", observed=seen)
        return Use("each", field.name, not field.required, seen)
    field = None if node is None else _telling(schema, node)
    return WHOLE if field is None else Use("member", field.name, not field.required, seen)


def _telling(schema: Schema, node: Node) -> Field | None:
    """Return the member of an object to show: of those always there the first that has no parts."""
    if not isinstance(node, Object):
        return None
    fields = [
        field for field in node.fields if 0 < len(field.name) <= _LONGEST_KEY and field.name.isprintable()
    ]

    def poverty(field: Field) -> tuple[bool, bool]:
        return not field.required, not isinstance(schema.resolve(field.type), Primitive | Literals)

    return min(fields, key=poverty, default=None)
