"""The key ``oauth`` of a server's entry: what a login needs that the server cannot tell by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from underpass.catalog.spec import EntryReader

Grant = Literal["authorization_code", "client_credentials"]


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """``oauth`` of an entry, in the spelling of Claude Code and Gemini; all of it is optional."""

    client_id: str | None = None
    """``clientId``: a client that was registered beforehand; by default one is registered at the login."""
    client_secret: str | None = field(default=None, repr=False)
    """``clientSecret``: a reference to it, such as ``keyring://NAME``."""
    issuer: str | None = None
    """``issuer``: the only authorization server that is accepted; a secret needs it."""
    scopes: tuple[str, ...] = ()
    """``scopes``: asked for in place of those that the server names."""
    callback_port: int | None = None
    """``callbackPort``: the browser comes back to ``http://localhost:PORT/callback``."""
    client_metadata_url: str | None = None
    """``clientMetadataUrl``: a client id metadata document, preferred to registering a client."""
    grant: Grant = "authorization_code"
    """``grant``: ``client_credentials`` logs a machine in, without a person."""


def read_oauth(read: EntryReader, value: object) -> OAuthSettings:
    """Read the key ``oauth`` of an entry; unknown keys are left alone. Raises ``ConfigError``."""
    if value is None or isinstance(value, bool):  # some programs write a switch
        return OAuthSettings()
    fields = read.mapping("oauth", value)

    def text(key: str) -> str | None:
        return read.text(f"oauth.{key}", fields.get(key))

    grant = text("grant") or "authorization_code"
    if grant != "authorization_code" and grant != "client_credentials":  # noqa: PLR1714 - it narrows the type
        what = f'must be "authorization_code" or "client_credentials", but is {grant!r}'
        raise read.error("oauth.grant", what)
    scopes = fields.get("scopes")
    return OAuthSettings(
        client_id=text("clientId"),
        client_secret=text("clientSecret"),
        issuer=text("issuer"),
        scopes=tuple(scopes.split()) if isinstance(scopes, str) else read.texts("oauth.scopes", scopes),
        callback_port=_port(read, fields.get("callbackPort")),
        client_metadata_url=text("clientMetadataUrl"),
        grant=grant,
    )


def _port(read: EntryReader, value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not 0 < value < 65536:
        raise read.error("oauth.callbackPort", "must be a port: a number from 1 to 65535")
    return value


def is_loopback(url: str) -> bool:
    """Whether an address names this machine by a number, or as ``localhost``."""
    from ipaddress import ip_address

    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def may_carry_secrets(url: str, *, server: str) -> bool:
    """Whether tokens, codes and secrets may be sent to ``url``.

    That is https; or plain http on this machine, when ``server`` is on this machine as well: a server
    elsewhere must not make us talk to the programs here.
    """
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
        return bool(host) and (
            scheme == "https" or (scheme == "http" and is_loopback(url) and is_loopback(server))
        )
    except ValueError:
        return False
