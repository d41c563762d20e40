"""The protocol over standard input and output, in a way that a signal can end."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import anyio.lowlevel
from mcp.server.stdio import stdio_server

_LONGEST = 64 * 1024 * 1024


class LineReader:
    """Reads lines from a descriptor without a thread.

    The SDK reads standard input in a worker thread, which nothing can interrupt: a server would
    outlive Ctrl-C until its client closed the pipe.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield each line without its end; a line over 64 MiB ends the input."""
        parts: list[bytes] = []
        size = 0
        while size <= _LONGEST and (chunk := await self._read()):
            first, *others = chunk.split(b"\n")
            parts.append(first)
            size += len(first)
            for line in others:
                yield b"".join(parts).decode("utf-8", "replace")
                parts, size = [line], len(line)
        if 0 < size <= _LONGEST:
            yield b"".join(parts).decode("utf-8", "replace")

    async def _read(self) -> bytes:
        try:
            await anyio.wait_readable(self._descriptor)
        except PermissionError:
            await anyio.lowlevel.checkpoint()  # a regular file: always readable, and not pollable
        return os.read(self._descriptor, 65_536)


@asynccontextmanager
async def protocol_streams() -> AsyncGenerator[tuple[Any, Any]]:
    """Claim standard input and output for the protocol, and yield the SDK's two streams.

    Meanwhile descriptor 0 is empty and descriptor 1 leads to stderr, so that no child and no stray
    ``print`` can touch the protocol.
    """
    wire = os.dup(sys.stdin.fileno())
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, sys.stdin.fileno())
    os.close(empty)
    try:
        reader = cast("anyio.AsyncFile[str]", LineReader(wire))
        async with stdio_server(stdin=reader) as streams:
            yield streams
    finally:
        os.dup2(wire, sys.stdin.fileno())
        os.close(wire)
