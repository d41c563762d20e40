"""What every HTTP request must pass before anything reads it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Set as AbstractSet

import anyio
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underpass.server.http_address import is_number

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:]+)(?::[0-9]{1,5})?", re.ASCII)
_MEGABYTE = 1_000_000


class Guard:
    """Lets a request through that is meant for this server, has its token, and is not too large or slow.

    Parameters:
        token: what a request must carry as its bearer token.
        names: the names that its Host may have; a number is always good, since a foreign page can
            make only a name lead here.
        max_body: bytes.
        body_seconds: how long the sending of a body may take.
    """

    def __init__(
        self, app: ASGIApp, *, token: str, names: AbstractSet[str], max_body: int, body_seconds: float = 30.0
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._names = names
        self._max_body = max_body
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        # The cheap checks come first: who has no token cannot make us read a body.
        refusal = self._misdirected(headers) or self._unauthorized(headers)
        body: bytes | None = b""
        if refusal is None:
            try:
                with anyio.fail_after(self._body_seconds):
                    body = await self._body(headers, Request(scope, receive))
            except TimeoutError:
                refusal = _refusal(408, f"the request took over {self._body_seconds:g} s to arrive")
            except ClientDisconnect:
                return
            if body is None:
                refusal = _refusal(413, f"the request is over {self._max_body / _MEGABYTE:,.1f} MB")
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _replayed(body or b"", receive), send)

    def _misdirected(self, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        match = _HOST.fullmatch(hosts[0].casefold()) if len(hosts) == 1 else None
        if match is None or not (match[1] in self._names or is_number(match[1].strip("[]"))):
            return _refusal(421, "this server does not have the name in the request's Host")
        origins = headers.getlist("origin")
        if any(origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}") for origin in origins):
            return _refusal(403, "pages of other sites may not use this server")
        return None

    def _unauthorized(self, headers: Headers) -> Response | None:
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.casefold() == "bearer" and secrets.compare_digest(token.strip().encode(), self._token):
            return None
        what = "the token is wrong" if given else "a token is needed: Authorization: Bearer …"
        refusal = _refusal(401, what)
        refusal.headers["WWW-Authenticate"] = 'Bearer realm="underpass"'
        return refusal

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


def _refusal(status: int, what: str) -> Response:
    return JSONResponse({"error": what}, status_code=status)
