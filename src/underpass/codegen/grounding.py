"""Definitions that would be themselves, with no array or object between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from underpass.codegen.algebra import union
from underpass.codegen.ir import ANY, Node, Reference, Union


def grounded(definitions: Mapping[str, Node]) -> dict[str, Node]:
    """Return the definitions without circles that hold no value.

    A type that is itself or something else is that something else; a longer circle is cut by a
    type that holds anything.
    """
    edges = {name: _direct(node) for name, node in definitions.items()}
    mended = dict(definitions)
    open_: dict[str, Iterator[str]] = {}
    done: set[str] = set()
    for start in definitions:
        if start not in done:
            open_[start] = iter(edges[start])
        while open_:
            name = next(reversed(open_))
            target = next(open_[name], None)
            if target is None:
                done.add(name)
                del open_[name]
            elif target == name:
                mended[name] = _without(mended[name], name)
            elif target in open_:
                mended[name] = ANY
            elif target not in done:
                open_[target] = iter(edges[target])
    return mended


def _direct(node: Node) -> list[str]:
    members = node.members if isinstance(node, Union) else (node,)
    return [member.name for member in members if isinstance(member, Reference)]


def _without(node: Node, name: str) -> Node:
    others = (
        [member for member in node.members if member != Reference(name)] if isinstance(node, Union) else []
    )
    return union(others) if others else ANY
