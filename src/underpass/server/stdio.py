"""The protocol over standard input and output, in a way that a signal can end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, cast

import anyio
import anyio.lowlevel
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCResponse

from underpass.server.opening import Opening

_LONGEST = 64 * 1024 * 1024


class LineReader:
    """Reads lines from a descriptor without a thread.

    The SDK reads standard input in a worker thread, which nothing can interrupt: a server would
    outlive Ctrl-C until its client closed the pipe.

    Parameters:
        first: what was read from the descriptor before.
        heard: called with each line.
    """

    def __init__(
        self, descriptor: int, first: bytes = b"", heard: Callable[[str], object] = lambda _line: None
    ) -> None:
        self._descriptor = descriptor
        self._first = first
        self._heard = heard

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield each line without its end; a line over 64 MiB ends the input."""
        parts: list[bytes] = []
        size = 0
        while size <= _LONGEST and (chunk := await self._read()):
            first, *others = chunk.split(b"\n")
            parts.append(first)
            size += len(first)
            for line in others:
                yield self._text(parts)
                parts, size = [line], len(line)
        if 0 < size <= _LONGEST:
            yield self._text(parts)

    def _text(self, parts: list[bytes]) -> str:
        text = b"".join(parts).decode("utf-8", "replace")
        self._heard(text)
        return text

    async def _read(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            await anyio.wait_readable(self._descriptor)
        except PermissionError:
            await anyio.lowlevel.checkpoint()  # a regular file: always readable, and not pollable
        return os.read(self._descriptor, 65_536)


@asynccontextmanager
async def protocol_streams(opening: Opening) -> AsyncGenerator[tuple[Any, Any]]:
    """Claim standard input and output for the protocol, and yield the SDK's two streams.

    What the opening, which has ended, received is read again, and what it has answered is not sent twice.

    Meanwhile descriptor 0 is empty and descriptor 1 leads to stderr, so that no child and no stray
    ``print`` can touch the protocol.
    """
    wire = os.dup(sys.stdin.fileno())
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, sys.stdin.fileno())
    os.close(empty)
    try:
        reader = cast("anyio.AsyncFile[str]", LineReader(wire, opening.received, opening.heard))
        async with stdio_server(stdin=reader) as (reading, writing):
            yield reading, _Sifted(writing, opening)
    finally:
        os.dup2(wire, sys.stdin.fileno())
        os.close(wire)


class _Sifted:
    """The stream to the client, without what the opening has sent."""

    def __init__(self, inner: Any, opening: Opening) -> None:
        self._inner = inner
        self._opening = opening

    async def send(self, item: SessionMessage) -> None:
        message = item.message
        if not self._opening.waits or not isinstance(message, JSONRPCResponse | JSONRPCError):
            await self._inner.send(item)
            return
        content = json.loads(message.model_dump_json(by_alias=True, exclude_unset=True))
        wanted, outdated = self._opening.sift(message.id, content.get("result"))
        if wanted:
            await self._inner.send(item)
        if outdated:
            note = JSONRPCNotification(jsonrpc="2.0", method="notifications/tools/list_changed")
            await self._inner.send(SessionMessage(note))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
