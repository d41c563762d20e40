"""The server over streamable HTTP."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route

from terraphim.errors import AddressInvalid

PATH = "/mcp"
MAX_BODY = 128 * 1024 * 1024
"""Bytes of a request: a text of 50 MB fits, escaped as JSON."""
_SESSIONS = 1_000
_GRACE = 5
_FORM = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on; port 0 takes any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``HOST:PORT``. Raises ``AddressInvalid``."""
        match = _FORM.fullmatch(text)
        if match is None or int(match[2]) > 65_535:
            raise AddressInvalid(
                f"{text!r} is no address to listen on",
                hint="write HOST:PORT, such as 127.0.0.1:8000; port 0 takes any that is free",
            )
        return cls(match[1].strip("[]"), int(match[2]))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.casefold() == "localhost"

    def listen(self) -> socket.socket:
        """Return a socket that listens. Raises ``AddressInvalid``."""
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listening = socket.socket(family, kind, protocol)
            try:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.bind(place)
                listening.listen()
            except OSError:
                listening.close()
                raise
        except OSError as error:
            raise AddressInvalid(
                f"cannot listen on {self.host}:{self.port}: {error.strerror or error}",
                hint="choose another port, or stop what listens there",
            ) from error
        return listening

    def security(self) -> TransportSecuritySettings:
        """What a request's Host and Origin may be: ours alone, so that no foreign page can use the server."""
        own = {self.host, "localhost", "127.0.0.1", "::1"}
        if not self.is_local:
            name = socket.gethostname()
            own |= {name, *_numbers(name)}
        hosts = [f"[{host}]" if ":" in host else host for host in sorted(own)]
        return TransportSecuritySettings(
            allowed_hosts=[host + port for host in hosts for port in ("", ":*")],
            allowed_origins=[f"http://{host}{port}" for host in hosts for port in ("", ":*")],
        )


async def serve(mcp: Server[Any], address: Address, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Parameters:
        say: is told the URL once requests can come.

    Raises:
        AddressInvalid: nothing can listen there.
    """
    sessions = StreamableHTTPSessionManager(
        mcp, security_settings=address.security(), max_request_body_size=MAX_BODY, max_sessions=_SESSIONS
    )
    app = Starlette(routes=[Route(PATH, endpoint=StreamableHTTPASGIApp(sessions))])
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    with address.listen() as listening:
        host = f"[{address.host}]" if ":" in address.host else address.host
        say(f"serving at http://{host}:{listening.getsockname()[1]}{PATH}; Ctrl-C ends it")
        if not address.is_local:
            say("warning: other machines can reach this address, and nobody has to prove who they are")
        async with sessions.run():
            await uvicorn.Server(config).serve(sockets=[listening])


def _numbers(name: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, None)}
    except OSError:
        return set()
