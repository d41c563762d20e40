"""Where the browser comes back to after a login: one page on loopback (RFC 8252), or a pasted address."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

import anyio
from anyio.abc import Listener, SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from underpass.errors import ConfigError

PATH: Final = "/callback"
_REQUEST_BYTES = 16 * 1024
_REQUEST_TIMEOUT = 10.0
_CONNECTIONS = 8
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Underpass</title>
<body style="font-family: system-ui, sans-serif; max-width: 32em; margin: 20vh auto; padding: 0 1em">
<h1 style="font-size: 1.3em">{title}</h1>
<p>{text}</p>
</body></html>
"""
_HEADERS = """HTTP/1.1 {status}\r
Content-Type: text/html; charset=utf-8\r
Content-Length: {length}\r
Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r
Cache-Control: no-store\r
Referrer-Policy: no-referrer\r
Connection: close\r
\r
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the authorization server sent back with the browser."""

    code: str
    state: str
    issuer: str | None = None
    error: str | None = None
    """Its error code, such as ``access_denied``; then there is no ``code``."""

    @classmethod
    def read(cls, address: str) -> Self | None:
        """Read the address that the browser was sent to; None when it is no answer to a login."""
        try:
            query = urlsplit(address.strip()).query
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
        except ValueError:
            return None
        values = dict(pairs)
        if len(values) != len(pairs) or "state" not in values:
            return None  # a parameter that comes twice could be read in two ways
        error = values.get("error")
        if error is not None and not _CODE.fullmatch(error):
            error = "error"
        if not values.get("code") and error is None:
            return None
        return cls(values.get("code", ""), values["state"], values.get("iss"), error)


class Callback:
    """The page that waits for one answer. ``open_callback`` makes it."""

    def __init__(self, listener: Listener[SocketStream], redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri
        self._listener = listener
        self._busy = anyio.CapacityLimiter(_CONNECTIONS)

    async def wait(self, state: str, pasted: AsyncIterator[str] | None = None) -> Answer:
        """Wait for the answer with this ``state``, without end; any other is refused and waited on.

        Parameters:
            pasted: lines that a person pastes, when the browser runs on another machine.
        """
        send, receive = anyio.create_memory_object_stream[Answer](_CONNECTIONS + 1)

        async def serve(stream: SocketStream) -> None:
            async with stream, self._busy:
                try:
                    with anyio.fail_after(_REQUEST_TIMEOUT):
                        answer = await _serve(stream, state)
                except (TimeoutError, anyio.BrokenResourceError, anyio.EndOfStream, anyio.DelimiterNotFound):
                    return  # whoever it was has gone
            if answer is not None:
                await send.send(answer)

        async def read_pasted(lines: AsyncIterator[str]) -> None:
            async for line in lines:
                if (answer := _expected(line, state)) is not None:
                    await send.send(answer)
                    break

        answers: list[Answer] = []
        with send, receive:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._listener.serve, serve)
                if pasted is not None:
                    tasks.start_soon(read_pasted, pasted)
                answers.append(await receive.receive())
                tasks.cancel_scope.cancel()
        return answers[0]


@asynccontextmanager
async def open_callback(port: int | None) -> AsyncGenerator[Callback]:
    """Listen on loopback for as long as the block lasts.

    Parameters:
        port: a fixed one, under the name ``localhost``; by default a free one, under the address.

    Raises:
        ConfigError: the port is in use.
    """
    try:
        listeners = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port or 0)
    except OSError as error:
        raise ConfigError(
            f"port {port} of oauth.callbackPort cannot be used: {error.strerror}",
            hint="end the program that has it",
        ) from None
    async with listeners:
        free = listeners.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
        host = "127.0.0.1" if port is None else "localhost"
        yield Callback(listeners, f"http://{host}:{free}{PATH}")


def _expected(address: str, state: str) -> Answer | None:
    answer = Answer.read(address)
    if answer is None or not compare_digest(answer.state.encode(), state.encode()):
        return None
    return answer


async def _serve(stream: SocketStream, state: str) -> Answer | None:
    """Answer one request, and return what it brought if that is what is waited for."""
    head = await BufferedByteReceiveStream(stream).receive_until(b"\r\n\r\n", _REQUEST_BYTES)
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    if method != "GET" or target.partition("?")[0] != PATH:
        await _send(stream, "404 Not Found", "Nothing here", "A login of Underpass ends on another page.")
        return None
    answer = _expected(target, state)
    if answer is None:
        text = "It belongs to another login, or to none. Underpass still waits for the right one."
        await _send(stream, "400 Bad Request", "This answer was not expected", text)
    elif answer.error is not None:
        text = f"The server said: {answer.error}. You can close this page."
        await _send(stream, "200 OK", "There was no login", text)
    else:
        text = "You can close this page. The terminal says whether the login worked."
        await _send(stream, "200 OK", "Underpass has got the answer", text)
    return answer


async def _send(stream: SocketStream, status: str, title: str, text: str) -> None:
    body = _PAGE.format(title=title, text=text).encode()
    await stream.send(_HEADERS.format(status=status, length=len(body)).encode() + body)
