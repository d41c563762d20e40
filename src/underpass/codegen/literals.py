"""JSON values as code, whole and in lines of bounded length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from underpass.codegen.shape import Notation

WIDTH = 88
"""Characters of a line, unless a single text is longer."""


def literal(notation: Notation, value: object, column: int = 0, indentation: int = 0) -> str:
    """Return ``value`` as an expression.

    Parameters:
        notation: that of the language.
        value: of JSON; objects have short keys.
        column: where in its line it begins.
        indentation: blanks before the line that it begins in.
    """
    inside = indentation + notation.indentation
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        opening, closing = notation.braces
        parts: list[str] = []
        for name, member in members.items():
            key = f"{notation.key(name)}: "
            parts.append(key + literal(notation, member, inside + len(key), inside))
        return (
            laid_out((opening, closing), parts, column, notation.indentation, indentation) if parts else "{}"
        )
    if isinstance(value, list | tuple):
        parts = [literal(notation, entry, inside, inside) for entry in cast("Sequence[object]", value)]
        return laid_out(("[", "]"), parts, column, notation.indentation, indentation)
    return notation.scalar(value)


def laid_out(
    brackets: tuple[str, str], parts: Sequence[str], column: int, step: int, indentation: int = 0
) -> str:
    """Return ``parts`` in brackets: in one line if they fit after ``column``, else each in one of its own."""
    opening, closing = brackets
    line = f"{opening}{', '.join(parts)}{closing}"
    if not parts or ("\n" not in line and column + len(line) < WIDTH):
        return line
    inside = " " * (indentation + step)
    lines = "".join(f"{inside}{part},\n" for part in parts)
    return f"{opening.rstrip()}\n{lines}{' ' * indentation}{closing.lstrip()}"
