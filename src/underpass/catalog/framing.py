"""Messages of the stdio transport: one JSON value a line, whatever else the server prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import mcp_types as types
import orjson
from pydantic import ValidationError

_HEAD = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+|"[^"\\]*")\s*,')
_TAIL = re.compile(rb',\s*"id"\s*:\s*(\d+|"[^"\\]*")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')
_PEEK = 512


@dataclass(frozen=True, slots=True)
class Oversized:
    """A line that was longer than the limit, and was let pass unread."""

    size: int
    request_id: types.RequestId | None
    """The request that it answers, as far as its two ends tell."""


class LineSplitter:
    """Cuts a stream of bytes into lines of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # A list, because adding each chunk to one growing buffer takes quadratic time.
        self._chunks: list[bytes] = []
        self._size = 0
        self._head = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> Iterator[bytes | Oversized]:
        """Take what was read next, and return the lines that are complete."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            yield self._line()
        self._add(rest)

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit:
            self._chunks.append(part)
            return
        if self._chunks:
            self._tail = b"".join(self._chunks)
            self._head = self._tail[:_PEEK]
            self._chunks.clear()
        self._head = self._head or part[:_PEEK]
        self._tail = (self._tail + part)[-_PEEK:]

    def _line(self) -> bytes | Oversized:
        size, self._size = self._size, 0
        if size <= self._limit:
            line = b"".join(self._chunks)
            self._chunks.clear()
            return line
        found = _HEAD.match(self._head) or _TAIL.search(self._tail)
        self._head = self._tail = b""
        return Oversized(size, cast("types.RequestId", orjson.loads(found[1])) if found else None)


def parse_line(line: bytes) -> list[types.JSONRPCMessage]:
    """Return the messages of a line: none if it is no JSON-RPC at all, several if it is a batch."""
    stripped = line.strip()
    if not stripped.startswith((b"{", b"[")):
        return []
    value = _parse_json(stripped)
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    messages = (_message(cast("dict[str, Any]", item)) for item in items if isinstance(item, dict))
    return [message for message in messages if message is not None]


def _parse_json(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    # Servers send NaN, lone surrogates and broken UTF-8. What can be read is made valid.
    try:
        value = json.loads(text.decode("utf-8", errors="replace"), parse_constant=lambda _: None)
        return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return None


def _message(item: dict[str, Any]) -> types.JSONRPCMessage | None:
    request_id = item.get("id")
    try:
        if "method" in item:
            model = types.JSONRPCNotification if request_id is None else types.JSONRPCRequest
            return model.model_validate({**item, "jsonrpc": "2.0"})
        if not isinstance(request_id, (int, str)) or isinstance(request_id, bool):
            return None
        if isinstance(item.get("result"), dict):
            # Checked just above; validating it again would walk a result of megabytes.
            return types.JSONRPCResponse.model_construct(
                jsonrpc="2.0", id=request_id, result=cast("dict[str, Any]", item["result"])
            )
        return error_message(request_id, *_error(item))
    except ValidationError:
        return None


def error_message(
    request_id: types.RequestId, code: int, message: str, data: Any = None
) -> types.JSONRPCError:
    """An error that answers a request."""
    return types.JSONRPCError(
        jsonrpc="2.0", id=request_id, error=types.ErrorData(code=code, message=message, data=data)
    )


def _error(item: dict[str, Any]) -> tuple[int, str, Any]:
    error = item.get("error")
    if not isinstance(error, dict):
        return types.INTERNAL_ERROR, "the server's answer is no JSON-RPC answer", None
    fields = cast("dict[str, Any]", error)
    code, message = fields.get("code"), fields.get("message")
    return (
        code if isinstance(code, int) else types.INTERNAL_ERROR,
        message if isinstance(message, str) else "the server gave no reason",
        fields.get("data"),
    )
