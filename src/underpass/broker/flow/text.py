"""What is compared: texts as they mean, and where each stands in a JSON value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final, cast
from urllib.parse import unquote_plus

_DIGITS: Final = 8
"""A number counts from so many digits on: smaller ones are equal by chance too often."""
_NUMBER: Final = re.compile(r"\d(?:[\d.]*\d)?")
_MAP: Final = 32
"""Members from which an object is taken for a map, whose keys are data."""
_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,39}")


def normalised(text: str) -> str:
    """Return a text without what may differ though nothing was hidden: case, accents, width, white space.

    Each character is changed by itself, so that a part of a text stays a part of it.
    """
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join([character for character in parts if not unicodedata.combining(character)])
    return " ".join(text.casefold().split())


def variants(text: str) -> Iterator[str]:
    """Give a text of an argument, and what it says where it may be part of an address."""
    yield text
    if ("%" in text or "+" in text) and (decoded := unquote_plus(text)) != text:
        yield decoded


def number(value: object) -> str | None:
    """Return a number, or a text of nothing but digits, as it is compared; None for one that is too short."""
    if isinstance(value, bool):
        return None
    text = str(value).removeprefix("-") if isinstance(value, int | float) else value
    if isinstance(text, str) and _NUMBER.fullmatch(text) and len(text) - text.count(".") >= _DIGITS:
        return text
    return None


def numbers(text: str) -> list[str]:
    """Return the numbers in a text that are long enough to be compared."""
    return [found for found in _NUMBER.findall(text) if len(found) - found.count(".") >= _DIGITS]


def leaves(value: object, *, every_key: bool = False) -> Iterator[tuple[str, str | int | float]]:
    """Give each text and number of a JSON value, and where it stands: ``messages[].body``.

    Keys that are data are given as well. A place never contains one: it is ``*`` there.

    Parameters:
        every_key: give the names of members as well that look like what a program calls them.
    """
    stack: list[tuple[str, object]] = [("", value)]
    while stack:
        path, here = stack.pop()
        if isinstance(here, str | int | float) and not isinstance(here, bool):
            yield path or "the value", here
        elif isinstance(here, list | tuple):
            stack.extend((f"{path}[]", item) for item in reversed(cast("list[object]", here)))
        elif isinstance(here, dict):
            inside = cast("dict[Any, object]", here)
            is_map = len(inside) > _MAP
            for key, item in reversed(inside.items()):
                named = not is_map and _KEY.fullmatch(str(key))
                within = f"{path}.{key if named else '*'}" if path else str(key) if named else "*"
                stack.append((within, item))
                if every_key or not named:
                    stack.append((f"{path or 'the value'}, a key", str(key)))
