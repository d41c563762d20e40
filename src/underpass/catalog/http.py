"""The HTTP transports: streamable HTTP, and SSE for older servers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from underpass.catalog.bounded_body import bound_body
from underpass.catalog.logins import Logins
from underpass.catalog.oauth_bearer import Bearer
from underpass.catalog.oauth_endpoint import direct
from underpass.catalog.oauth_settings import is_loopback
from underpass.catalog.redaction import Redactor
from underpass.catalog.secret_store import SecretStore
from underpass.catalog.spec import ServerSpec
from underpass.catalog.stderr import Tail

_FIRST_ERROR_STATUS = 400
_CONNECT_TIMEOUT = 30.0
_IDLE_TIMEOUT = 24 * 3600.0


def login_of(spec: ServerSpec, secrets: SecretStore, redactor: Redactor) -> Bearer | None:
    """Return what signs the requests to a server; None if its entry has a header for that.

    Parameters:
        secrets: beside them are the logins.
        redactor: is told the tokens that are used.
    """
    if spec.url is None or any(name.lower() == "authorization" for name in spec.headers):
        return None
    return Bearer(spec, Logins(secrets.state), redactor)


@asynccontextmanager
async def http_transport(
    spec: ServerSpec, tail: Tail, limit: int, login: Bearer | None
) -> AsyncGenerator[Any]:
    """Streamable HTTP.

    Parameters:
        login: signs the requests.
        tail: takes the status of each answer that is an error.
        limit: bytes of one answer; a larger one becomes an error.
    """
    assert spec.url is not None

    async def bound(response: httpx2.Response) -> None:
        if response.status_code >= _FIRST_ERROR_STATUS:
            tail.write(f"(HTTP) {response.status_code} {response.reason_phrase}\n".encode())
        # An event stream may go on for ever; there the SDK bounds each event.
        if "text/event-stream" not in response.headers.get("content-type", ""):
            bound_body(response, limit)

    timeout = httpx2.Timeout(_CONNECT_TIMEOUT, read=None)
    async with (
        httpx2.AsyncClient(
            auth=login,
            headers=dict(spec.headers),
            timeout=timeout,
            event_hooks={"response": [bound]},
            # A proxy would see the token that goes to a server of this machine.
            mounts=direct() if is_loopback(spec.url) else None,
        ) as client,
        streamable_http_client(spec.url, http_client=client, max_sse_event_size=limit) as streams,
    ):
        yield streams


@asynccontextmanager
async def sse_transport(spec: ServerSpec, login: Bearer | None) -> AsyncGenerator[Any]:
    """The transport of 2024-11-05: one stream of events, requests beside it."""
    assert spec.url is not None
    async with sse_client(
        spec.url,
        auth=login,
        headers=dict(spec.headers),
        timeout=_CONNECT_TIMEOUT,
        sse_read_timeout=_IDLE_TIMEOUT,
    ) as streams:
        yield streams
