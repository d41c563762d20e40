"""One login of a person at a server's authorization server: the authorization code flow with PKCE."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import anyio
import anyio.to_thread
import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError, OAuthRegistrationError, OAuthTokenError
from mcp.client.auth.utils import is_valid_client_metadata_url, issuers_match
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types import LATEST_PROTOCOL_VERSION
from pydantic import AnyUrl

from underpass.catalog.logins import Login, Logins
from underpass.catalog.oauth_callback import Callback, open_callback
from underpass.catalog.oauth_endpoint import MAX_ANSWER, error_code, expiry
from underpass.catalog.oauth_settings import may_carry_secrets
from underpass.catalog.redaction import Redactor
from underpass.catalog.references import resolve
from underpass.catalog.secret_store import SecretStore
from underpass.catalog.spec import ServerSpec
from underpass.errors import ConfigError, LoginFailed

WAIT = 300.0
"""Seconds that a person has."""
_REQUEST_TIMEOUT = 30.0
_SHOWN = 300
_QUESTION = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
_ACCEPT = {
    "Accept": "application/json, text/event-stream",
    MCP_PROTOCOL_VERSION_HEADER: LATEST_PROTOCOL_VERSION,
}

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
        flow = _Flow(resolved, redactor, callback, show=show, pasted=pasted, wait=wait)
        login = await flow.run()
    logins = Logins(secrets.state)
    async with logins.held(login.server):
        if resolved.oauth.issuer is None:  # which one to use would not be clear afterwards
            await anyio.to_thread.run_sync(logins.remove, login.server)
        await anyio.to_thread.run_sync(logins.put, login)
    return login


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


class _Storage:
    """The SDK's ``TokenStorage`` for one login: nothing is kept before the login is complete."""

    def __init__(
        self, client: OAuthClientInformationFull | None, registered: Callable[[str | None], None]
    ) -> None:
        self._client = client
        self._registered = registered

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        pass

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._registered(client_info.issuer)


class _Flow:
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
        assert spec.url is not None
        self._url = spec.url
        self._spec = spec
        self._redactor = redactor
        self._callback = callback
        self._show = show
        self._pasted = pasted
        self._wait = wait
        self._state = ""
        self._refusal = ""
        """What the authorization server answered last, if that was an error."""
        redirect = AnyUrl(callback.redirect_uri)
        self._provider = OAuthClientProvider(
            self._url,
            OAuthClientMetadata(
                client_name="Underpass",
                redirect_uris=[redirect],
                # A program on a person's machine can keep no secret (RFC 8252).
                token_endpoint_auth_method="none",  # noqa: S106 - the name of a method
            ),
            _Storage(self._client(redirect), self._check_issuer),
            redirect_handler=self._send_away,
            callback_handler=self._come_back,
            client_metadata_url=spec.oauth.client_metadata_url,
        )

    async def run(self) -> Login:
        hooks: dict[str, list[Any]] = {"request": [self._guard], "response": [self._look]}
        try:
            async with httpx2.AsyncClient(
                auth=self._provider,
                headers=dict(self._spec.headers),
                timeout=_REQUEST_TIMEOUT,
                event_hooks=hooks,
            ) as client:
                status = await self._ask(client)
        except OAuthFlowError as error:
            raise self._failed(self._why(error)) from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
            what = self._redactor.text(" ".join(str(error).split()))[:_SHOWN] or type(error).__name__
            raise self._failed(f"could not be reached: {what}") from None
        tokens = self._provider.context.current_tokens
        if tokens is None:
            raise self._failed(
                f"wants no login: it answered {status} without one",
                'if it needs a key, put that in "headers" of its entry',
            )
        if status in {401, 403}:
            raise self._failed(f"does not accept the token of its own authorization server ({status})")
        return self._login(tokens)

    async def _ask(self, client: httpx2.AsyncClient) -> int:
        # Only the status matters. The request makes the server say where to log in.
        async with client.stream("POST", self._url, json=_QUESTION, headers=_ACCEPT) as response:
            return response.status_code

    async def _guard(self, request: httpx2.Request) -> None:
        self._check_address(str(request.url))

    async def _look(self, response: httpx2.Response) -> None:
        ours = response.request.url == httpx2.URL(self._url)
        if ours and response.status_code == 401 and self._spec.oauth.scopes:
            # What the server asks for comes first in the SDK's choice: so does what its entry says.
            challenge = response.headers.get("www-authenticate", "Bearer").partition(" ")[2]
            scope = " ".join(self._spec.oauth.scopes)
            response.headers["www-authenticate"] = f'Bearer scope="{scope}", {challenge}'.rstrip(", ")
        if ours:
            return
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER:
                raise httpx2.StreamError(f"an answer is over {MAX_ANSWER:,} bytes")
        self._refusal = ""
        if response.status_code >= 400:
            self._refusal = f" ({error_code(bytes(body)) or response.status_code})"

    async def _send_away(self, url: str) -> None:
        context = self._provider.context
        metadata = context.oauth_metadata
        self._check_address(url)
        self._check_issuer(self._issuer())
        # A server that does not know PKCE would take a stolen code.
        if metadata is not None and "S256" not in (metadata.code_challenge_methods_supported or ()):
            raise self._failed(
                f"uses {metadata.issuer}, which does not offer PKCE: a login is not safe there"
            )
        client = context.client_info
        if client is not None and client.client_id == self._spec.oauth.client_id and client.client_secret:
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
            raise self._failed(
                f"was not logged in to: nobody came back within {self._wait:g} s",
                "try again; with --no-browser the address is only printed",
            ) from None
        if answer.error is not None:
            raise self._failed(f"was not logged in to: {self._issuer()} said {answer.error}")
        return AuthorizationCodeResult(code=answer.code, state=answer.state, iss=answer.issuer)

    def _client(self, redirect: AnyUrl) -> OAuthClientInformationFull | None:
        oauth = self._spec.oauth
        if oauth.client_id is None:
            return None
        return OAuthClientInformationFull(
            client_id=oauth.client_id,
            client_secret=oauth.client_secret,
            redirect_uris=[redirect],
            issuer=oauth.issuer,
            token_endpoint_auth_method="none",  # noqa: S106 - with a secret: until the server says which
        )

    def _issuer(self) -> str:
        context = self._provider.context
        if context.oauth_metadata is not None:
            return str(context.oauth_metadata.issuer)
        # As the first servers had it: they are their own authorization server, and say nothing of it.
        return context.get_authorization_base_url(self._url)

    def _check_issuer(self, issuer: str | None) -> None:
        oauth = self._spec.oauth
        found = issuer or self._issuer()
        if oauth.issuer is not None and not issuers_match(found, oauth.issuer):
            raise self._failed(
                f"leads to the authorization server {found}, but its entry says {oauth.issuer}",
                "correct oauth.issuer if you trust the other one",
            )
        if oauth.client_secret is not None and oauth.issuer is None:
            raise ConfigError(
                f"oauth.clientSecret of {self._spec.name!r} needs oauth.issuer: whom the secret is for",
                hint=f'if you trust {found}, add "issuer": "{found}"',
                server=self._spec.name,
            )

    def _check_address(self, url: str) -> None:
        if not may_carry_secrets(url, server=self._url):
            host = urlsplit(url).netloc.rpartition("@")[2]
            raise self._failed(f"leads to {host}, which is not reached over https: a login is not safe there")

    def _why(self, error: OAuthFlowError) -> str:
        # The texts of the first two quote what servers answered, which may hold a token.
        if isinstance(error, OAuthTokenError):
            return f"was not logged in to: {self._issuer()} gave no token{self._refusal}"
        if isinstance(error, OAuthRegistrationError):
            return f"was not logged in to: {self._issuer()} registers no client{self._refusal}"
        return f"was not logged in to: {self._redactor.text(' '.join(str(error).split()))[:_SHOWN]}"

    def _failed(self, what: str, hint: str = "") -> LoginFailed:
        if "registers no client" in what:
            hint = 'register one there, and name it in "oauth": {"clientId": …} of the entry'
        return LoginFailed(f"server {self._spec.name!r} {what}", hint=hint, server=self._spec.name)

    def _login(self, tokens: OAuthToken) -> Login:
        context = self._provider.context
        client, metadata = context.client_info, context.oauth_metadata
        assert client is not None
        base = context.get_authorization_base_url(self._url)
        own = client.client_id == self._spec.oauth.client_id
        revocation = metadata.revocation_endpoint if metadata is not None else None
        return Login(
            server=self._url,
            issuer=self._issuer(),
            token_endpoint=urljoin(base, "/token") if metadata is None else str(metadata.token_endpoint),
            client_id=client.client_id,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_at=expiry(tokens.expires_in),
            scope=tokens.scope,
            resource=(
                context.get_resource_url()
                if context.should_include_resource_param(LATEST_PROTOCOL_VERSION)
                else None
            ),
            # The entry's own secret stays where the entry has it.
            client_secret=None if own else client.client_secret,
            client_auth=client.token_endpoint_auth_method,
            revocation_endpoint=None if revocation is None else str(revocation),
        )
