"""Read the messages that ``rg --json`` prints."""

from __future__ import annotations

from typing import Any, cast

import orjson

from terraphim.errors import MessagesInvalid

# What each message's data must hold; the path may be missing, as it is for standard input.
_FIELDS: dict[str, tuple[str, ...]] = {
    "begin": (),
    "match": ("lines", "absolute_offset", "submatches"),
    "context": ("lines", "absolute_offset", "submatches"),
    "end": ("stats",),
    "summary": ("elapsed_total", "stats"),
}


def decode(text: str) -> list[dict[str, Any]]:
    """The message of each line that is not blank: ``{"type": begin|match|context|end|summary, "data": …}``.

    Raises MessagesInvalid, which names the line.
    """
    lines = enumerate(text.split("\n"), start=1)
    return [_message(line, number) for number, line in lines if line and not line.isspace()]


def _message(line: str, number: int) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _invalid(number, f"it is no JSON: {error}") from error
    match value:
        case {"type": str(kind), "data": {**data}}:
            pass
        case {"type": str()}:
            raise _invalid(number, "its `data` is missing or no object")
        case _:
            raise _invalid(number, "it is no object with a `type`")
    fields = _FIELDS.get(kind)
    if fields is None:
        raise _invalid(number, f"its type is {kind!r}, and not one of {', '.join(_FIELDS)}")
    for field in fields:
        if field not in data:
            raise _invalid(number, f"its data has no `{field}`")
    return cast("dict[str, Any]", value)


def _invalid(number: int, reason: str) -> MessagesInvalid:
    return MessagesInvalid(
        f"Line {number} is no message of ripgrep: {reason}.",
        hint="Pass what `rg --json` prints.",
        line=number,
    )
