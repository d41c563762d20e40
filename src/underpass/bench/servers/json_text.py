"""A list as one JSON text. The SDK would make a block of content of each of its items."""

from __future__ import annotations

from typing import Any

import orjson


def json_text(rows: list[Any]) -> str:
    """The rows as a JSON array, indented as most servers do it."""
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode()
