"""Changing one table of a TOML file; everything else in it, comments included, stays as it is."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence

_HEADER = re.compile(r"\s*\[")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def put_table(text: str, path: Sequence[str], values: Mapping[str, str | Sequence[str]]) -> str:
    """Return ``text`` with ``values`` in the table at ``path``; its other keys and its comments stay.

    A table that is missing is appended. Only a table with a header of its own can be changed: whether
    the result says what was wanted is for the caller to check.

    Parameters:
        values: strings, and arrays of strings; an empty string takes a key out.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    written = [f"{key} = {_value(value)}" for key, value in values.items() if value != ""]
    start = _header(lines, path)
    if start is None:
        head = text.rstrip()
        shown = ".".join(key if _BARE.fullmatch(key) else json.dumps(key) for key in path)
        table = newline.join([f"[{shown}]", *written, ""])
        return f"{head}{newline}{newline}{table}" if head else table
    end = next((at for at in range(start + 1, len(lines)) if _HEADER.match(lines[at])), len(lines))
    body = lines[start + 1 : end]
    at: int | None = None
    for key in values:
        place = _assignment(body, key)
        if place is not None:
            del body[place[0] : place[1]]
            at = place[0] if at is None else min(at, place[0])
    body[at or 0 : at or 0] = written
    return newline.join([*lines[: start + 1], *body, *lines[end:]])


def _header(lines: Sequence[str], path: Sequence[str]) -> int | None:
    names = [rf"""(?:{re.escape(key)}|"{re.escape(key)}"|'{re.escape(key)}')""" for key in path]
    header = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(names) + r"\s*\]\s*(?:#.*)?")
    return next((at for at, line in enumerate(lines) if header.fullmatch(line)), None)


def _assignment(body: Sequence[str], key: str) -> tuple[int, int] | None:
    """Return the lines that give ``key`` its value: those that are TOML by themselves."""
    begins = re.compile(rf"""\s*(?:{re.escape(key)}|"{re.escape(key)}")\s*=""")
    start = next((at for at, line in enumerate(body) if begins.match(line)), None)
    if start is None:
        return None
    for end in range(start + 1, len(body) + 1):
        try:
            tomllib.loads("\n".join(body[start:end]))
        except tomllib.TOMLDecodeError:
            continue
        return start, end
    return None


def _value(value: str | Sequence[str]) -> str:
    # A JSON string is a TOML string, but for one character that JSON need not escape.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
