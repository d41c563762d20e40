"""Where a program's literals stand: what makes two programs of one shape differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

LITERAL: Final = "L"
"""What stands for any literal in a normalised tree, and for any parameter in a skill's."""
LONGEST_CODE: Final = 100_000
"""Characters of a program that is looked at; a longer one is no skill."""


@dataclass(frozen=True, slots=True)
class Place:
    """A literal's place.

    Parameters:
        node: the node of the tree that stands there: the literal, or the variable that holds it.
        value: the literal's, as JSON has it.
        hints: names that its surroundings suggest, the best first.
        is_input: it is an argument of a tool call as it stands, or the whole value of a variable that the
            program sets once.
        variable: the variable at the top level that is set to it first of all.
        kind: how the literal is written where that is not what JSON has: ``tuple``, ``set``, or
            ``text`` for a piece of a formatted string.
    """

    node: Any
    value: Any
    hints: tuple[str, ...] = ()
    is_input: bool = False
    variable: str | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A program without what may differ between two uses: names, comments, formatting and literals."""

    language: str
    digest: str
    """Of the normalised tree, SHA-256 in hex."""
    literals: tuple[Any, ...]
    """By their places in the tree."""
    unbound: tuple[str, ...]
    """Names that the program uses and does not have: variables of its session."""


def digest_of(language: str, tokens: Sequence[str]) -> str:
    """Return the digest of a normalised tree."""
    return hashlib.sha256("\0".join((language, *tokens)).encode("utf-8", "surrogatepass")).hexdigest()


def key_of(value: Any) -> bytes:
    """Return what equal literals have in common; 1, 1.0 and True differ."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def plural(word: str) -> str:
    """Return the name of many of a word."""
    if word.endswith("s"):
        return word
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2:-1] not in set("aeiou") else f"{word}s"


def bounds(bound: str, about: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a number that another one, of these names, is compared with."""
    return (*(f"{bound}_{name}" for name in about if len(name) > 1), f"{bound}imum")


def leaves(value: Any) -> list[Any]:
    """Return the scalars in a value; the keys of its mappings are none."""
    found: list[Any] = []
    left: list[Any] = [value]
    while left:
        one: Any = left.pop()
        if isinstance(one, Mapping):
            left.extend(one.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        elif isinstance(one, list | tuple):
            left.extend(one)  # pyright: ignore[reportUnknownArgumentType]
        else:
            found.append(one)
    return found
