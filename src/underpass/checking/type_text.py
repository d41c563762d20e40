"""Reads types as ty and TypeScript write them, as far as it takes to know what JSON they stand for."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, Final

_KINDS: Final = {
    "str": "string",
    "LiteralString": "string",
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "None": "null",
    "list": "array",
    "tuple": "array",
    "dict": "object",
    "string": "string",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
_CONSTANTS: Final = {"true": True, "false": False}


def members(text: str) -> list[str]:
    """Return the members of a union: ``str | list[int | str]`` has two."""
    return list(_split(text, "|"))


def name(text: str) -> str:
    """Return a type's name without its parameters."""
    return text.partition("[")[0].strip()


def kind(member: str, objects: Collection[str] = ()) -> str | None:
    """Return the kind of JSON that a type other than a union stands for; None where it is not known.

    Parameters:
        objects: the names of ``TypedDict`` classes.
    """
    if member.endswith("[]"):
        return "array"
    if member.startswith("{"):
        return "object"
    if literals(member):
        kinds = {_kind_of(value) for value in literals(member)}
        return kinds.pop() if len(kinds) == 1 else None
    return "object" if name(member) in objects else _KINDS.get(name(member))


def literals(member: str) -> list[Any]:
    """Return the values of a literal type; an empty list for any other type, and for what is cut short.

    Python's are ``Literal["a", 1]``; in TypeScript each stands for itself.
    """
    text = member
    if name(member) == "Literal" and member.endswith("]"):
        text = member.partition("[")[2][:-1]
    elif member in _CONSTANTS:
        return [_CONSTANTS[member]]
    elif not member[:1].isdigit() and member[:1] not in ('"', "-"):
        return []
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return list(ast.literal_eval(f"[{text}]"))
    return []


def _kind_of(value: object) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    return "null" if value is None else _KINDS.get(type(value).__name__)


def _split(text: str, at: str) -> Iterator[str]:
    depth, start, quote = 0, 0, ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and text[place - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[({":
            depth += 1
        elif letter in "])}":
            depth -= 1
        elif letter == at and depth == 0:
            yield text[start:place].strip()
            start = place + 1
    yield text[start:].strip()
