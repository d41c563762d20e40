"""Turns a tool's result into the plain value that code works with.

- A structured result is the value; ``{"result": x}`` made by a server's framework is ``x``, and when that
  is text it is treated as any text: a framework that wraps it knows no more of it.
- Text that is a JSON object or array is parsed. Other text stays a string, numbers included: a tool that
  answers ``"007"`` or ``"true"`` means text as often as not.
- Several texts are a list when each is a JSON object or array, and one string, line by line, otherwise.
- An image, a sound or a file is ``{"mime_type", "bytes", "path"}``: the data is in a file at ``path``.
- A link to a resource is ``{"uri", "name", ...}``.
- Blocks of different kinds are a list, in order. No content at all is ``None``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, cast

import orjson

from underpass.broker.blobs import BlobStore
from underpass.catalog import ToolDefinition, ToolOutcome
from underpass.errors import ToolFailed

MAX_ERROR_CHARACTERS = 2000
"""A tool's error text is cut here."""


RESOURCE_FIELDS = {
    "uri": "uri", "uriTemplate": "uri_template", "name": "name", "title": "title",
    "description": "description", "mimeType": "mime_type", "size": "size",
}  # fmt: skip
"""What code sees of the description of a resource: the protocol's names, and ours."""


async def unwrap(tool: ToolDefinition, outcome: ToolOutcome, blobs: BlobStore) -> Any:
    """Return the value of ``outcome``.

    Raises:
        ToolFailed: the tool reported an error, or sent data that cannot be decoded.
    """
    if outcome.is_error:
        raise ToolFailed(_error_text(outcome), server=tool.server, tool=tool.name)
    if outcome.has_structured and _is_meant(tool, outcome):
        return _unwrapped(tool, outcome)
    if len(outcome.content) == 1:
        return await unwrap_block(tool, outcome.content[0], blobs)
    values = [await unwrap_block(tool, block, blobs) for block in outcome.content]
    if not values:
        return None
    if any(isinstance(value, str) for value in values) and all(
        block.get("type") == "text" for block in outcome.content
    ):
        return "\n".join(str(block["text"]) for block in outcome.content)
    return values


def _is_meant(tool: ToolDefinition, outcome: ToolOutcome) -> bool:
    # A null beside text, from a tool that declares no structured result, only says that there is none.
    return outcome.structured is not None or tool.output_schema is not None or not outcome.content


def _unwrapped(tool: ToolDefinition, outcome: ToolOutcome) -> Any:
    structured = outcome.structured
    if not isinstance(structured, dict) or len(cast("dict[str, Any]", structured)) != 1:
        return cast("object", structured)
    fields = cast("dict[str, Any]", structured)
    if "result" not in fields:
        return fields
    if tool.wraps_result or (tool.output_schema is None and _says_the_same(outcome)):
        value = fields["result"]
        return _parsed(value) if isinstance(value, str) else value
    return fields


def _says_the_same(outcome: ToolOutcome) -> bool:
    """Whether the text shows the value without the wrapper, as frameworks that wrap do."""
    if len(outcome.content) != 1:
        return False
    value, text = outcome.structured["result"], outcome.content[0].get("text")
    if not isinstance(text, str):
        return False
    try:
        return value == text or bool(orjson.loads(text) == value)
    except orjson.JSONDecodeError:
        return False


async def unwrap_block(tool: ToolDefinition, block: Mapping[str, Any], blobs: BlobStore) -> Any:
    """Return the value of one content block. Raises ``ToolFailed`` for data that cannot be decoded."""
    match block.get("type"):
        case "text":
            return _parsed(block["text"])
        case "image" | "audio":
            return await _blob(tool, block.get("data"), block.get("mimeType"), blobs)
        case "resource":
            resource = block.get("resource")
            if not isinstance(resource, Mapping):
                return dict(block)
            fields = cast("Mapping[str, Any]", resource)
            if isinstance(text := fields.get("text"), str):
                return _parsed(text)
            return await _blob(tool, fields.get("blob"), fields.get("mimeType"), blobs)
        case "resource_link":
            return renamed(block, RESOURCE_FIELDS)
        case _:
            return dict(block)


def renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return those ``fields`` that have a value and one of ``names``, by what that becomes."""
    return {ours: fields[theirs] for theirs, ours in names.items() if fields.get(theirs) is not None}


def _parsed(text: str) -> Any:
    stripped = text.strip()
    if (stripped[:1], stripped[-1:]) not in (("{", "}"), ("[", "]")):
        return text
    try:
        return orjson.loads(stripped)
    except orjson.JSONDecodeError:
        return text


async def _blob(tool: ToolDefinition, data: object, mime_type: object, blobs: BlobStore) -> dict[str, Any]:
    kind = mime_type if isinstance(mime_type, str) else "application/octet-stream"
    try:
        content = base64.b64decode(data if isinstance(data, str) else "", validate=False)
    except (binascii.Error, ValueError) as error:
        raise ToolFailed(
            f"{tool.server}.{tool.name} sent {kind} data that is no base64: {error}",
            server=tool.server,
            tool=tool.name,
        ) from error
    return {"mime_type": kind, "bytes": len(content), "path": await blobs.put(content, kind)}


def _error_text(outcome: ToolOutcome) -> str:
    text = "\n".join(str(block["text"]) for block in outcome.content if block.get("type") == "text")
    if not text and outcome.has_structured:
        text = orjson.dumps(outcome.structured).decode()
    if len(text) > MAX_ERROR_CHARACTERS:
        return text[: MAX_ERROR_CHARACTERS - 1] + "…"
    return text or "the tool reported an error without a text"
