"""Hands the SDK listings and results it cannot choke on, and keeps what the server really said.

The SDK validates a listing as a whole, so one malformed tool would hide all others, and it walks each
result through several models. Here each answer about tools, resources, prompts and skills is replaced,
between transport and SDK, by a minimal valid one that carries the raw answer along in its ``_meta``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import anyio
import mcp_types as types
from mcp.client import Transport
from mcp.shared.message import SessionMessage

from underpass.catalog.redaction import Redactor

if TYPE_CHECKING:
    # The names of what a Transport yields; the SDK exports only the Transport itself.
    from mcp.client._transport import ReadStream, TransportStreams, WriteStream

_RAW = "underpass/raw"
# What the newer revisions want of all that may be cached.
_CACHED: Mapping[str, Any] = {"ttlMs": 0, "cacheScope": "private"}
_EMPTY: Mapping[str, Mapping[str, Any]] = {
    # Marked as an error, so that the SDK does not hold it against the tool's output schema.
    "tools/call": {"content": [], "isError": True},
    "resources/list": {"resources": [], **_CACHED},
    "resources/templates/list": {"resourceTemplates": [], **_CACHED},
    "resources/read": {"contents": [], **_CACHED},
    "prompts/list": {"prompts": [], **_CACHED},
    "prompts/get": {"messages": []},
    "skills/list": {},
    "skills/get": {},
}
"""The least that the SDK takes for an answer."""


def raw_of(meta: Mapping[str, Any] | None) -> Any:
    """What the server really answered: a result's JSON object. None when nothing was kept."""
    return (meta or {}).get(_RAW)


class RawResults:
    """A transport that wraps another. ``ended`` is set when the server will send nothing more."""

    def __init__(self, inner: Transport, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor
        self._methods: dict[types.RequestId, str] = {}
        self.ended = anyio.Event()

    async def __aenter__(self) -> TransportStreams:
        read, write = await self._inner.__aenter__()
        return _Read(read, self), _Write(write, self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self.ended.set()
        return await self._inner.__aexit__(kind, error, trace)

    def sent(self, message: types.JSONRPCMessage) -> None:
        """Note which answers will have to be replaced."""
        if isinstance(message, types.JSONRPCRequest) and (
            message.method == "tools/list" or message.method in _EMPTY
        ):
            self._methods[message.id] = message.method
        elif isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
            self._methods.pop((message.params or {}).get("requestId", ""), None)

    def received(self, message: types.JSONRPCMessage) -> types.JSONRPCMessage:
        """Take secrets out, and replace an answer whose request was noted."""
        self._redactor.message(message)
        if not isinstance(message, (types.JSONRPCResponse, types.JSONRPCError)) or message.id is None:
            return message
        method = self._methods.pop(_own_id(message.id), None)
        if method is None or isinstance(message, types.JSONRPCError):
            return message
        raw = message.result
        result: dict[str, Any]
        if method == "tools/list":
            result = _plain_listing(raw)
        elif raw.get("resultType", "complete") == "complete":
            result = dict(_EMPTY[method])
        else:
            return message
        result |= {"resultType": "complete", "_meta": {_RAW: raw}}
        return types.JSONRPCResponse.model_construct(jsonrpc="2.0", id=message.id, result=result)


def _own_id(request_id: types.RequestId) -> types.RequestId:
    # Some servers send a number back as a string.
    return int(request_id) if isinstance(request_id, str) and request_id.isdecimal() else request_id


def _plain_listing(raw: dict[str, Any]) -> dict[str, Any]:
    # Input schemas stay: the SDK reads the arguments from them that travel as HTTP headers.
    entries = raw.get("tools")
    items = cast("list[object]", entries) if isinstance(entries, list) else []
    tools = [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
    cursor = raw.get("nextCursor")
    return {
        "tools": [
            {"name": tool["name"], "inputSchema": {**_object(tool.get("inputSchema")), "type": "object"}}
            for tool in tools
            if isinstance(tool.get("name"), str)
        ],
        "ttlMs": 0,
        "cacheScope": "private",
        **({"nextCursor": cursor} if isinstance(cursor, str) else {}),
    }


def _object(schema: object) -> dict[str, Any]:
    # "properties" and "required" are what the older revisions' models look into.
    if not isinstance(schema, dict):
        return {}
    document = cast("dict[str, Any]", schema)
    properties = document.get("properties")
    if not isinstance(properties, dict):
        return {}
    named = cast("dict[str, object]", properties)
    return {"properties": {name: part for name, part in named.items() if isinstance(part, dict)}}


class _Read:
    def __init__(self, inner: ReadStream[SessionMessage | Exception], wire: RawResults) -> None:
        self._inner = inner
        self._wire = wire

    @property
    def last_context(self) -> Any:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        try:
            item = await self._inner.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._wire.ended.set()
            raise
        if isinstance(item, SessionMessage):
            item.message = self._wire.received(item.message)
        return item

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> _Read:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        await self.aclose()


class _Write:
    def __init__(self, inner: WriteStream[SessionMessage], wire: RawResults) -> None:
        self._inner = inner
        self._wire = wire

    async def send(self, item: SessionMessage, /) -> None:
        self._wire.sent(item.message)
        await self._inner.send(item)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        await self.aclose()
