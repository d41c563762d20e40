"""Statements in one order: programs that differ in that of independent ones alone are of one shape.

What depends on what is read from names: who is mistaken because two names mean one list only takes two
programs for one shape that are not, and the recorded cases tell that.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

_Statement = TypeVar("_Statement")

_MOST: Final = 60
"""Statements; longer programs stay as they are."""
_PURE: Final = frozenset((
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "format", "frozenset",
    "int", "isinstance", "len", "list", "map", "max", "min", "ord", "chr", "range", "repr", "reversed",
    "round", "set", "sorted", "str", "sum", "tuple", "zip",
))  # fmt: skip
_ALONE: Final = (
    ast.Return, ast.Raise, ast.Assert, ast.Delete, ast.Global, ast.Nonlocal, ast.FunctionDef,
    ast.AsyncFunctionDef, ast.ClassDef, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom,
)  # fmt: skip


@dataclass(slots=True)
class Touched:
    """What a statement has to do with others."""

    reads: set[str] = field(default_factory=set[str])
    writes: set[str] = field(default_factory=set[str])
    is_ordered: bool = False
    """Whether it does something outside, such as to call a tool."""
    is_alone: bool = False
    """Whether everything else stays before or after it."""

    def conflicts(self, other: Touched) -> bool:
        """Whether the two must stay in their order."""
        if self.is_alone or other.is_alone or (self.is_ordered and other.is_ordered):
            return True
        return bool(self.writes & (other.reads | other.writes) or other.writes & self.reads)


def in_order(
    statements: Sequence[_Statement],
    touched: Callable[[_Statement], Touched],
    written: Callable[[_Statement], Sequence[str]],
) -> Iterator[_Statement]:
    """Yield statements so that those which may change places have one order.

    Parameters:
        written: how a statement would be written after those that were yielded.
    """
    if len(statements) > _MOST:
        yield from statements
        return
    facts = [touched(each) for each in statements]
    before = [
        {at for at in range(place) if facts[at].conflicts(facts[place])} for place in range(len(statements))
    ]
    left = list(range(len(statements)))
    while left:
        ready = [place for place in left if before[place].isdisjoint(left)]
        if len(ready) > 1:
            ready.sort(key=lambda place: tuple(written(statements[place])))
        left.remove(ready[0])
        yield statements[ready[0]]


def touched_in_python(statement: ast.stmt, changed: set[str], imports: set[str]) -> Touched:
    """Return what a statement of Python reads and writes.

    Parameters:
        changed: the names whose values it may change in place.
        imports: the names of what is imported.
    """
    found = Touched(writes=set(changed))
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                found.reads.add(name)
            case ast.Name(id=name):
                found.writes.add(name)
            case ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                found.is_ordered = True
            case ast.Call(func=function):
                _called(function, node, found, imports)
            case _ if isinstance(node, _ALONE):
                found.is_alone = True
            case _:
                pass
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        found.reads.add(statement.target.id)
    own = {
        each.id
        for node in ast.walk(statement)
        if isinstance(node, ast.comprehension)
        for each in ast.walk(node.target)
        if isinstance(each, ast.Name)
    }
    found.reads -= own
    found.writes -= own
    return found


def _called(function: ast.expr, call: ast.Call, found: Touched, imports: set[str]) -> None:
    root = function
    while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
        root = root.func if isinstance(root, ast.Call) else root.value
    name = root.id if isinstance(root, ast.Name) else None
    if name in imports:
        found.is_ordered = True
        # It may change what it is given.
        found.writes |= {
            each.id for given in call.args for each in ast.walk(given) if isinstance(each, ast.Name)
        }
    elif isinstance(function, ast.Name) and name not in _PURE:
        found.is_ordered = True
        found.is_alone = name != "print"
