"""What every HTTP request must pass before anything reads it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet

import anyio
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underpass.server.http_access import Access, principal_of
from underpass.server.http_address import is_number
from underpass.server.http_rate import Rates
from underpass.server.problem import problem

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:]+)(?::[0-9]{1,5})?", re.ASCII)
_MEGABYTE = 1_000_000
_HELD = 512 * _MEGABYTE
"""Bytes of all bodies that have arrived and are not answered yet."""


class Guard:
    """Lets a request through that is meant for this server, has a token, and is not too large or slow.

    Parameters:
        access: knows the tokens.
        rates: how many requests each token may make.
        is_open: whether a path is for everybody.
        names: the names that its Host may have; a number is always good, since a foreign page can
            make only a name lead here.
        max_body: bytes.
        body_seconds: how long the sending of a body may take.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        rates: Rates,
        is_open: Callable[[str], bool],
        names: AbstractSet[str],
        max_body: int,
        body_seconds: float = 30.0,
    ) -> None:
        self._app = app
        self._access = access
        self._rates = rates
        self._is_open = is_open
        self._held = 0
        self._names = names
        self._max_body = max_body
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        # The cheap checks come first: who has no token cannot make us read a body.
        refusal = self._misdirected(headers) or self._admit(scope, headers)
        body: bytes | None = b""
        if refusal is None:
            try:
                with anyio.fail_after(self._body_seconds):
                    body = await self._body(headers, Request(scope, receive))
            except TimeoutError:
                refusal = problem(408, f"the request took over {self._body_seconds:g} s to arrive")
            except ClientDisconnect:
                return
            if body is None:
                refusal = problem(413, f"the request is over {self._max_body / _MEGABYTE:,.1f} MB")
        if refusal is None and self._held + len(body or b"") > _HELD:
            refusal = _later("too many large requests are under way", 1.0)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        size = len(body or b"")
        self._held += size
        try:
            await self._app(scope, _replayed(body or b"", receive), send)
        finally:
            self._held -= size

    def _misdirected(self, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        match = _HOST.fullmatch(hosts[0].casefold()) if len(hosts) == 1 else None
        if match is None or not (match[1] in self._names or is_number(match[1].strip("[]"))):
            return problem(421, "this server does not have the name in the request's Host")
        origins = headers.getlist("origin")
        if any(origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}") for origin in origins):
            return problem(403, "pages of other sites may not use this server")
        return None

    def _admit(self, scope: Scope, headers: Headers) -> Response | None:
        refusal = self._access.admit(scope, headers)
        if refusal is not None and not (self._is_open(scope["path"]) and "authorization" not in headers):
            return refusal
        principal = principal_of(scope)
        wait = 0.0 if principal is None else self._rates.take(principal.token)
        return _later("the token makes too many requests", wait) if wait else None

    async def _body(self, headers: Headers, request: Request) -> bytes | None:
        """Return the whole body, or None when it is too large."""
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > self._max_body:
            return None
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._max_body:
                return None
            parts.append(part)
        return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _later(what: str, seconds: float) -> Response:
    after = max(math.ceil(seconds), 1)
    return problem(
        429,
        what,
        hint=f"try again in {after} s",
        error="Overloaded",
        data={"retry_after": after},
        headers={"Retry-After": str(after)},
    )
