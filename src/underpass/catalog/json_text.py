"""JSON as people write it: comments and commas before a closing bracket are read, and kept when edited."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|(//[^\r\n]*|/\*.*?\*/)|[^\s"/]|/', re.DOTALL)
_VISIBLE = re.compile(r"[^\r\n]")
_SPACE = re.compile(r"\s*")
_INDENTED = re.compile(r"\n([ \t]+)\S")
_DECODER = json.JSONDecoder()


def plain_json(text: str) -> str:
    """Return strict JSON of the same length: blanks stand for comments and for commas before a bracket.

    Whatever else is wrong stays wrong, at the line and column where it is.
    """
    letters = list(_without_comments(text))
    comma: int | None = None
    before = ""
    for token in _TOKEN.finditer("".join(letters)):
        if token[0] in ("}", "]") and comma is not None:
            letters[comma] = " "
        # After an opening bracket or another comma it is no trailing comma but a mistake.
        comma = token.start() if token[0] == "," and before not in ("", "{", "[", ",", ":") else None
        before = token[0]
    return "".join(letters)


def put_member(text: str, path: Sequence[str], value: Any) -> str:
    """Return ``text`` with the member at ``path`` set to ``value``; everything else stays as it is.

    Parameters:
        text: holds an object; an empty text counts as an empty object.
        path: the keys that lead to the member; objects on the way that are missing are made.

    Raises:
        ValueError: the text is no JSON, or something on the way is no object.
    """
    text = text if text.strip() else "{}\n"
    plain = plain_json(text)
    found = _INDENTED.search(plain)
    unit = found[1] if found else "  "
    newline = "\r\n" if "\r\n" in text else "\n"
    json.loads(plain)
    place, depth = _object(plain, _after_space(plain, 0)), 0
    while depth < len(path) - 1 and path[depth] in place.members:
        place, depth = _object(plain, place.members[path[depth]][0]), depth + 1
    for missing in reversed(path[depth + 1 :]):
        value = {missing: value}
    margin = newline + unit * (depth + 1)
    written = json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", margin)
    if known := place.members.get(path[depth]):
        return text[: known[0]] + written + text[known[1] :]
    head = text[: place.end].rstrip()
    if place.members:
        last = max(end for _, end in place.members.values())
        comma = "" if "," in _without_comments(text)[last : place.end] else ","
        head = text[:last] + comma + text[last : place.end].rstrip()
    member = f"{json.dumps(path[depth], ensure_ascii=False)}: {written}"
    return f"{head}{margin}{member}{newline}{unit * depth}{text[place.end :]}"


@dataclass(frozen=True, slots=True)
class _Object:
    start: int
    """Where its opening brace stands."""
    end: int
    """Where its closing brace stands."""
    members: dict[str, tuple[int, int]]
    """Where each member's value begins and ends."""


def _object(plain: str, start: int) -> _Object:
    if plain[start : start + 1] != "{":
        raise ValueError("no object")
    members: dict[str, tuple[int, int]] = {}
    at = _after_space(plain, start + 1)
    while plain[at] != "}":
        key, at = _DECODER.raw_decode(plain, at)
        at = _after_space(plain, _after_space(plain, at) + 1)
        _, end = _DECODER.raw_decode(plain, at)
        members[key] = (at, end)
        at = _after_space(plain, end)
        if plain[at] == ",":
            at = _after_space(plain, at + 1)
    return _Object(start, at, members)


def _after_space(plain: str, at: int) -> int:
    found = _SPACE.match(plain, at)
    return found.end() if found else at


def _without_comments(text: str) -> str:
    return _TOKEN.sub(lambda token: _VISIBLE.sub(" ", token[0]) if token[1] else token[0], text)
