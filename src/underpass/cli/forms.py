"""The values of a server's form, as they are shown and typed at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


def describe(name: str, schema: Mapping[str, Any]) -> str:
    """Return what a person needs to know to type a value."""
    title = str(schema.get("title") or name)
    more = str(schema.get("description") or "")
    if choices := _choices(schema):
        kind = " or ".join(map(str, choices))
    else:
        kind = {"boolean": "yes or no", "integer": "a whole number", "number": "a number"}.get(
            str(schema.get("type")), ""
        )
    return title + "".join(f" ({part})" for part in (more, kind) if part)


def read_value(typed: str, schema: Mapping[str, Any]) -> Any:
    """Return the value that was typed; None for an empty line, or the default.

    Raises:
        ValueError: it is none of its kind.
    """
    text = typed.strip()
    if not typed:
        raise ValueError("the input has ended")
    if not text:
        return schema.get("default")
    if (choices := _choices(schema)) and text not in choices:
        raise ValueError(text)
    match schema.get("type"):
        case "boolean":
            if text.lower() not in _WORDS:
                raise ValueError(text)
            return _WORDS[text.lower()]
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "string":
            return text
        case _:
            raise ValueError(text)


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    """The values that there are; empty where there are any."""
    return [*schema.get("enum", ()), *(each.get("const") for each in schema.get("oneOf", ()))]
