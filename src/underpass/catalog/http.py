"""The HTTP transports: streamable HTTP, and SSE for older servers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from underpass.catalog.spec import ServerSpec
from underpass.catalog.stderr import Tail

TOO_LARGE = "the answer is over the limit of"
"""How the message of an error begins when a body was larger than the limit."""

_FIRST_ERROR_STATUS = 400
_CONNECT_TIMEOUT = 30.0
_IDLE_TIMEOUT = 24 * 3600.0


class _BoundedBody(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream, limit: int) -> None:
        self._body = body
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._body:
            size += len(chunk)
            if size > self._limit:
                raise httpx2.StreamError(f"{TOO_LARGE} {self._limit:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


@asynccontextmanager
async def http_transport(spec: ServerSpec, tail: Tail, limit: int) -> AsyncGenerator[Any]:
    """Streamable HTTP.

    Parameters:
        tail: takes the status of each answer that is an error.
        limit: bytes of one answer; a larger one becomes an error.
    """
    assert spec.url is not None

    async def bound(response: httpx2.Response) -> None:
        if response.status_code >= _FIRST_ERROR_STATUS:
            tail.write(f"(HTTP) {response.status_code} {response.reason_phrase}\n".encode())
        # An event stream may go on for ever; there the SDK bounds each event.
        if "text/event-stream" not in response.headers.get("content-type", ""):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _BoundedBody(response.stream, limit)

    timeout = httpx2.Timeout(_CONNECT_TIMEOUT, read=None)
    async with (
        httpx2.AsyncClient(
            headers=dict(spec.headers), timeout=timeout, event_hooks={"response": [bound]}
        ) as client,
        streamable_http_client(spec.url, http_client=client, max_sse_event_size=limit) as streams,
    ):
        yield streams


@asynccontextmanager
async def sse_transport(spec: ServerSpec) -> AsyncGenerator[Any]:
    """The transport of 2024-11-05: one stream of events, requests beside it."""
    assert spec.url is not None
    async with sse_client(
        spec.url,
        headers=dict(spec.headers),
        timeout=_CONNECT_TIMEOUT,
        sse_read_timeout=_IDLE_TIMEOUT,
    ) as streams:
        yield streams
