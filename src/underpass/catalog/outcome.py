"""Reads a tool's result as a server sent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from underpass.catalog.upstream import ToolOutcome


class Unreadable(Exception):
    """The answer is no tool result; the message says why."""


def read_outcome(raw: Mapping[str, Any]) -> ToolOutcome:
    """Return the result that ``raw`` holds.

    Content that is a bare string, and blocks that are, count as text: some servers send them so.

    Raises:
        Unreadable: the content is of another type, or there is neither content nor a structured result.
    """
    content = raw.get("content")
    has_structured = "structuredContent" in raw
    if content is None:
        if not has_structured:
            raise Unreadable("it has neither content nor structuredContent")
        content = []
    blocks = cast("list[object]", content) if isinstance(content, list) else [content]
    meta = raw.get("_meta")
    return ToolOutcome(
        content=[_block(block) for block in blocks],
        structured=raw.get("structuredContent"),
        has_structured=has_structured,
        is_error=raw.get("isError") is True,
        meta=cast("dict[str, Any]", meta) if isinstance(meta, dict) else {},
    )


def _block(block: object) -> Mapping[str, Any]:
    if isinstance(block, str):
        return {"type": "text", "text": block}
    if isinstance(block, dict):
        fields = cast("dict[str, Any]", block)
        if fields.get("type") != "text" or isinstance(fields.get("text"), str):
            return fields
    raise Unreadable(f"its content holds {str(cast('object', block))[:80]!r}, which is no content block")
