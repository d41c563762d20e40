"""Where the HTTP server listens, and the names by which requests may call it."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from underpass.errors import ConfigError

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", re.ASCII)
_BACKLOG = 1024
_EXAMPLE = "write HOST:PORT, such as 127.0.0.1:8765; port 0 takes any that is free"


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on."""

    host: str
    """A name, or a number without brackets."""
    port: int
    """0 takes any that is free."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``HOST:PORT``. Raises ``ConfigError``."""
        match = _AUTHORITY.fullmatch(text)
        if match is None or int(match[2]) > 65_535:
            raise ConfigError(f"{text!r} is no address to listen on", hint=_EXAMPLE, address=text)
        host = match[1].strip("[]")
        if match[1].startswith("[") and not is_number(host):
            raise ConfigError(f"{text!r} is no address to listen on", hint=_EXAMPLE, address=text)
        return cls(host, int(match[2]))

    def names(self) -> frozenset[str]:
        """The names that a request's Host may have, besides any number: ours, and no other's.

        A page of another site whose name is made to lead here still says its own name.
        """
        own = {"localhost", self.host.casefold()}
        return frozenset(own if self.is_local() else own | {socket.gethostname().casefold()})

    def is_local(self) -> bool:
        """Whether only this machine can reach the address."""
        return self.host.casefold() == "localhost" or (
            is_number(self.host) and ip_address(self.host).is_loopback
        )

    def listen(self) -> socket.socket:
        """Return a socket that listens. Raises ``ConfigError``."""
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listening = socket.socket(family, kind, protocol)
        except OSError as error:
            raise self._refused(error, "the host must be a name or number of this machine") from error
        try:
            if os.name == "posix":  # elsewhere it would let two programs share a port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            listening.listen(_BACKLOG)
        except OSError as error:
            listening.close()
            raise self._refused(
                error, "stop what listens there, or choose another port; port 0 takes any that is free"
            ) from error
        listening.setblocking(False)
        return listening

    def url(self, listening: socket.socket) -> str:
        """The endpoint's URL, with the port that was found where any would do."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared
        port = listening.getsockname()[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/mcp"

    def _refused(self, error: OSError, hint: str) -> ConfigError:
        return ConfigError(
            f"cannot listen on {self.host}:{self.port}: {error.strerror or error}",
            hint=hint,
            address=f"{self.host}:{self.port}",
        )


def is_number(host: str) -> bool:
    """Whether a host is an IP address, which no foreign name server has a say in."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
