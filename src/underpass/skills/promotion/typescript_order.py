"""What statements of TypeScript have to do with others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tree_sitter import Node

from underpass.skills.promotion.order import Touched

_PURE_GLOBALS: Final = frozenset((
    "String", "Number", "Boolean", "BigInt", "parseInt", "parseFloat", "isNaN", "isFinite", "Math", "JSON",
    "Array", "structuredClone", "encodeURIComponent", "decodeURIComponent",
))  # fmt: skip
_READING: Final = frozenset((
    "at", "charAt", "concat", "endsWith", "entries", "every", "filter", "find", "findIndex", "flat",
    "flatMap", "forEach", "get", "has", "includes", "indexOf", "join", "keys", "localeCompare", "map",
    "match", "padEnd", "padStart", "reduce", "repeat", "replace", "replaceAll", "slice", "some", "split",
    "startsWith", "substring", "toFixed", "toLowerCase", "toString", "toUpperCase", "trim", "values",
))  # fmt: skip
_ALONE_HERE: Final = frozenset((
    "return_statement", "throw_statement", "function_declaration", "class_declaration", "break_statement",
    "continue_statement",
))  # fmt: skip


def touched_in_typescript(
    nodes: Sequence[Node], bound: set[str], changed: set[str], imports: set[str]
) -> Touched:
    """Return what a statement of TypeScript reads and writes.

    Parameters:
        nodes: all of the statement.
        bound: the names that it binds, but for those of functions in it.
        changed: the names whose values it may change in place.
        imports: the names of what is imported.
    """
    found = Touched(writes={*bound, *changed})
    for node in nodes:
        if node.type in {"identifier", "shorthand_property_identifier"}:
            found.reads.add(_text(node))
        elif node.type == "await_expression":
            found.is_ordered = True
        elif node.type in _ALONE_HERE:
            found.is_alone = True
        elif node.type == "call_expression":
            _called_here(node.child_by_field_name("function"), found, imports)
    return found


def _called_here(function: Node | None, found: Touched, imports: set[str]) -> None:
    root: Any = function
    while root is not None and root.type != "identifier":
        root = root.named_children[0] if root.named_children else None
    if function is None or root is None:
        return
    name = _text(root)
    method = function.child_by_field_name("property")
    if name in imports or name == "console":
        found.is_ordered = True
    elif name in _PURE_GLOBALS or (method is not None and _text(method) in _READING):
        return
    elif method is None or name == "Object":
        found.is_alone = (
            name != "Object" or method is None or _text(method) not in {"keys", "values", "entries"}
        )
    else:
        found.writes.add(name)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
