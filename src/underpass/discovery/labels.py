"""What servers themselves say of a tool's category and capabilities, in its ``_meta``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from underpass.catalog.definition import ToolDefinition

_LONGEST = 40
_MOST = 8
_OTHER = re.compile(r"[^\w]+")


def own_category(tool: ToolDefinition) -> str | None:
    """Return the server's label as a slug, ``"knowledge-graph"``; None if there is none."""
    for value in _values(tool.meta, "category"):
        if isinstance(value, str) and (label := slug(value)):
            return label
    return None


def own_capabilities(tool: ToolDefinition) -> list[str]:
    """Return the server's labels as slugs, at most eight: ``capabilities`` and FastMCP's ``tags``."""
    labels: list[str] = []
    for key in ("capabilities", "tags"):
        for value in _values(tool.meta, key):
            if isinstance(value, list):
                labels.extend(slug(item) for item in cast("list[object]", value) if isinstance(item, str))
    return [label for label in dict.fromkeys(labels) if label][:_MOST]


def slug(text: str) -> str:
    """Return ``text`` in lowercase words joined by hyphens, at most 40 characters."""
    return _OTHER.sub("-", text.casefold().replace("_", "-").replace("&", " and "))[:_LONGEST].strip("-")


def _values(meta: Mapping[str, Any], key: str) -> Iterator[object]:
    """Yield what is under ``key``, ``vendor/key``, and in nested objects one level deep."""
    for name, value in meta.items():
        if name == key or name.rpartition("/")[2] == key:
            yield value
        elif isinstance(value, Mapping):
            yield from (inner for nested, inner in cast("Mapping[str, Any]", value).items() if nested == key)
