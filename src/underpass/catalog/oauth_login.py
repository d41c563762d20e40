"""One login of a person at a server's authorization server: the authorization code flow with PKCE."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.utils import is_valid_client_metadata_url
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata
from pydantic import AnyUrl

from underpass.catalog.logins import Login, Logins
from underpass.catalog.oauth_callback import Callback, open_callback
from underpass.catalog.oauth_endpoint import revoke
from underpass.catalog.oauth_flow import Flow, NoStorage
from underpass.catalog.oauth_settings import may_carry_secrets
from underpass.catalog.redaction import Redactor
from underpass.catalog.references import resolve
from underpass.catalog.secret_store import SecretStore
from underpass.catalog.spec import ServerSpec
from underpass.errors import ConfigError

WAIT = 300.0
"""Seconds that a person has."""

Show = Callable[[str], Awaitable[None]]


async def log_in(
    spec: ServerSpec,
    secrets: SecretStore,
    *,
    show: Show,
    pasted: AsyncIterator[str] | None = None,
    wait: float = WAIT,
) -> Login:
    """Log in to a server, and keep the login in the state folder.

    Parameters:
        spec: the server's entry, as it is written.
        show: shows the authorization server's address to the person, mostly in a browser.
        pasted: lines in which the person may give the address that the browser came back to.
        wait: seconds until the person must have come back.

    Raises:
        ConfigError: the entry names no server that one can log in to, or a secret is not to be had.
        LoginFailed: the server wants no login, or the login came to nothing.
    """
    resolved, redactor = await resolve(spec, secrets)
    _check(resolved)
    async with open_callback(resolved.oauth.callback_port) as callback:
        login = await _Person(resolved, redactor, callback, show=show, pasted=pasted, wait=wait).run()
    logins = Logins(secrets.state)
    async with logins.held(login.server):
        if resolved.oauth.issuer is None:  # which one to use would not be clear afterwards
            await anyio.to_thread.run_sync(logins.remove, login.server)
        await anyio.to_thread.run_sync(logins.put, login)
    return login


async def log_out(spec: ServerSpec, secrets: SecretStore) -> bool | None:
    """Forget the login of a server; None when there is none.

    Returns:
        Whether its authorization server knows by now.

    Raises:
        ConfigError: a secret of the entry is not to be had, or the login cannot be removed.
    """
    resolved, _ = await resolve(spec, secrets)
    logins = Logins(secrets.state)
    if resolved.url is None:
        return None
    url, issuer = resolved.url, resolved.oauth.issuer
    async with logins.held(url):
        try:
            login = await anyio.to_thread.run_sync(logins.get, url, issuer)
        except ConfigError:
            login = None  # it cannot be read, but it can be removed
        if not await anyio.to_thread.run_sync(logins.remove, url, issuer):
            return None
    if login is None:
        return False
    secret = resolved.oauth.client_secret or login.client_secret
    return await revoke(replace(login, client_secret=secret))


def _check(spec: ServerSpec) -> None:
    oauth = spec.oauth
    if spec.url is None:
        raise ConfigError(
            f"server {spec.name!r} is started by a command: there is no login", hint="", server=spec.name
        )
    if not may_carry_secrets(spec.url, server=spec.url):
        raise ConfigError(
            f"server {spec.name!r} is not reached over https: a login would be seen by others",
            hint="use its https address; plain http is for servers on this machine",
            server=spec.name,
        )
    if any(name.lower() == "authorization" for name in spec.headers):
        raise ConfigError(
            f"the entry of {spec.name!r} has an Authorization header of its own, which would be in the way",
            hint="remove it to log in",
            server=spec.name,
        )
    if oauth.grant != "authorization_code":
        raise ConfigError(
            f"server {spec.name!r} logs in by itself (oauth.grant is {oauth.grant!r})",
            hint="there is nothing to do: its first start does it",
            server=spec.name,
        )
    if oauth.client_metadata_url is not None and not is_valid_client_metadata_url(oauth.client_metadata_url):
        raise ConfigError(
            f"oauth.clientMetadataUrl of {spec.name!r} must be an https address with a path",
            hint="it names the document that describes the client",
            server=spec.name,
        )


class _Person(Flow):
    def __init__(
        self,
        spec: ServerSpec,
        redactor: Redactor,
        callback: Callback,
        *,
        show: Show,
        pasted: AsyncIterator[str] | None,
        wait: float,
    ) -> None:
        super().__init__(spec, redactor)
        self._callback = callback
        self._show = show
        self._pasted = pasted
        self._wait = wait
        self._state = ""
        redirect = AnyUrl(callback.redirect_uri)
        self.provider = OAuthClientProvider(
            self.url,
            OAuthClientMetadata(
                client_name="Underpass",
                redirect_uris=[redirect],
                # A program on a person's machine can keep no secret (RFC 8252).
                token_endpoint_auth_method="none",  # noqa: S106 - the name of a method
            ),
            NoStorage(self, self._client(redirect)),
            redirect_handler=self._send_away,
            callback_handler=self._come_back,
            client_metadata_url=spec.oauth.client_metadata_url,
        )

    async def _send_away(self, url: str) -> None:
        context = self.provider.context
        metadata = context.oauth_metadata
        self.check_address(url)
        self.check_issuer(self.issuer())
        # A server that does not know PKCE would take a stolen code.
        if metadata is not None and "S256" not in (metadata.code_challenge_methods_supported or ()):
            raise self.failed(f"uses {metadata.issuer}, which does not offer PKCE: a login is not safe there")
        client = context.client_info
        if client is not None and client.client_id == self.spec.oauth.client_id and client.client_secret:
            offered = (metadata and metadata.token_endpoint_auth_methods_supported) or ["client_secret_basic"]
            basic = "client_secret_basic" in offered
            client.token_endpoint_auth_method = "client_secret_basic" if basic else "client_secret_post"
        self._state = parse_qs(urlsplit(url).query)["state"][0]
        await self._show(url)

    async def _come_back(self) -> AuthorizationCodeResult:
        try:
            with anyio.fail_after(self._wait):
                answer = await self._callback.wait(self._state, self._pasted)
        except TimeoutError:
            raise self.failed(
                f"was not logged in to: nobody came back within {self._wait:g} s",
                "try again; with --no-browser the address is only printed",
            ) from None
        if answer.error is not None:
            raise self.failed(f"was not logged in to: {self.issuer()} said {answer.error}")
        return AuthorizationCodeResult(code=answer.code, state=answer.state, iss=answer.issuer)

    def _client(self, redirect: AnyUrl) -> OAuthClientInformationFull | None:
        oauth = self.spec.oauth
        if oauth.client_id is None:
            return None
        return OAuthClientInformationFull(
            client_id=oauth.client_id,
            client_secret=oauth.client_secret,
            redirect_uris=[redirect],
            issuer=oauth.issuer,
            token_endpoint_auth_method="none",  # noqa: S106 - with a secret: until the server says which
        )
