"""A body of an HTTP answer that cannot grow without end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

TOO_LARGE = "the answer is over the limit of"
"""How the message of an error begins when a body was larger than the limit."""


class BoundedBody(httpx2.AsyncByteStream):
    """Raises ``httpx2.StreamError`` after ``limit`` bytes of ``body``."""

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


def bound_body(response: httpx2.Response, limit: int) -> None:
    """Bound the body of an answer that has not been read yet."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = BoundedBody(response.stream, limit)
