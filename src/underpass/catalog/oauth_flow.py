"""What logins of persons and of machines have in common: one request that makes the server ask for it.

The SDK's provider finds the authorization server, registers, and exchanges codes and tokens. Here is what
it leaves open: where secrets may be sent, which issuer is meant, and errors that quote no secret.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError, OAuthRegistrationError, OAuthTokenError
from mcp.client.auth.utils import issuers_match
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types import LATEST_PROTOCOL_VERSION

from underpass.catalog.bounded_body import bound_body
from underpass.catalog.logins import Login
from underpass.catalog.oauth_endpoint import MAX_ANSWER, direct, error_code, expiry
from underpass.catalog.oauth_settings import may_carry_secrets
from underpass.catalog.redaction import Redactor
from underpass.catalog.spec import ServerSpec
from underpass.errors import ConfigError, LoginFailed

_REQUEST_TIMEOUT = 30.0
_SHOWN = 300
_QUESTION = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
_HEADERS = {
    "Accept": "application/json, text/event-stream",
    MCP_PROTOCOL_VERSION_HEADER: LATEST_PROTOCOL_VERSION,
}


class Flow:
    """One login. A subclass brings the provider.

    Parameters:
        spec: the server, with its references looked up.
        redactor: takes its secrets out of errors.
    """

    provider: OAuthClientProvider

    def __init__(self, spec: ServerSpec, redactor: Redactor) -> None:
        assert spec.url is not None
        self.spec = spec
        self.url = spec.url
        self._redactor = redactor
        self._insisting = False
        """Whether the next answer of the server counts as a 401."""
        self._refusal = ""
        """What the authorization server answered last, if that was an error."""

    async def run(self) -> Login:
        hooks: dict[str, list[Any]] = {"request": [self._guard], "response": [self._look]}
        try:
            async with httpx2.AsyncClient(
                auth=self.provider,
                headers=dict(self.spec.headers),
                timeout=_REQUEST_TIMEOUT,
                event_hooks=hooks,
                mounts=direct(),
            ) as client:
                status = await self._ask(client)
                if self.provider.context.current_tokens is None:
                    status = await self._insist(client, status)
        except OAuthFlowError as error:
            raise self.failed(self._why(error)) from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
            what = self._redactor.text(" ".join(str(error).split()))[:_SHOWN] or type(error).__name__
            raise self.failed(f"could not be reached: {what}") from None
        tokens = self.provider.context.current_tokens
        assert tokens is not None
        if status in {401, 403}:
            raise self.failed(f"does not accept the token of its own authorization server ({status})")
        return self._login(tokens)

    async def _ask(self, client: httpx2.AsyncClient) -> int:
        # Only the status matters. The request makes the server say where to log in.
        async with client.stream("POST", self.url, json=_QUESTION, headers=_HEADERS) as response:
            return response.status_code

    async def _insist(self, client: httpx2.AsyncClient, status: int) -> int:
        """Log in although the first request needed none: some servers want it for calls alone."""
        self._insisting = True
        try:
            return await self._ask(client)
        except OAuthRegistrationError:
            if self.provider.context.protected_resource_metadata is not None:
                raise
            raise self.failed(
                f"wants no login: it answered {status} without one",
                'if it needs a key, put that in "headers" of its entry',
            ) from None

    async def _guard(self, request: httpx2.Request) -> None:
        self.check_address(str(request.url))

    async def _look(self, response: httpx2.Response) -> None:
        ours = response.request.url == httpx2.URL(self.url)
        if ours and self._insisting:
            response.status_code = 401
            self._insisting = False
        if ours and response.status_code == 401 and self.spec.oauth.scopes:
            # What the server asks for comes first in the SDK's choice: so does what its entry says.
            challenge = response.headers.get("www-authenticate", "Bearer").partition(" ")[2]
            scope = " ".join(self.spec.oauth.scopes)
            response.headers["www-authenticate"] = f'Bearer scope="{scope}", {challenge}'.rstrip(", ")
        bound_body(response, MAX_ANSWER)
        if not ours:
            body, status = await response.aread(), response.status_code
            self._refusal = f" ({error_code(body) or status})" if status >= 400 else ""

    def issuer(self) -> str:
        context = self.provider.context
        if context.oauth_metadata is not None:
            return str(context.oauth_metadata.issuer)
        # As the first servers had it: they are their own authorization server, and say nothing of it.
        return context.get_authorization_base_url(self.url)

    def check_issuer(self, issuer: str | None) -> None:
        oauth = self.spec.oauth
        found = issuer or self.issuer()
        if oauth.issuer is not None and not issuers_match(found, oauth.issuer):
            raise self.failed(
                f"leads to the authorization server {found}, but its entry says {oauth.issuer}",
                "correct oauth.issuer if you trust the other one",
            )
        if oauth.client_secret is not None and oauth.issuer is None:
            raise ConfigError(
                f"oauth.clientSecret of {self.spec.name!r} needs oauth.issuer: whom the secret is for",
                hint=f'if you trust {found}, add "issuer": "{found}"',
                server=self.spec.name,
            )

    def check_address(self, url: str) -> None:
        if not may_carry_secrets(url, server=self.url):
            host = urlsplit(url).netloc.rpartition("@")[2]
            raise self.failed(f"leads to {host}, which is not reached over https: a login is not safe there")

    def _why(self, error: OAuthFlowError) -> str:
        # The texts of the first two quote what servers answered, which may hold a token.
        if isinstance(error, OAuthTokenError):
            return f"was not logged in to: {self.issuer()} gave no token{self._refusal}"
        if isinstance(error, OAuthRegistrationError):
            return f"was not logged in to: {self.issuer()} registers no client{self._refusal}"
        return f"was not logged in to: {self._redactor.text(' '.join(str(error).split()))[:_SHOWN]}"

    def failed(self, what: str, hint: str = "") -> LoginFailed:
        if "registers no client" in what:
            hint = 'register one there, and name it in "oauth": {"clientId": …} of the entry'
        return LoginFailed(f"server {self.spec.name!r} {what}", hint=hint, server=self.spec.name)

    def _login(self, tokens: OAuthToken) -> Login:
        context = self.provider.context
        client, metadata = context.client_info, context.oauth_metadata
        assert client is not None
        base = context.get_authorization_base_url(self.url)
        own = client.client_id == self.spec.oauth.client_id
        revocation = metadata.revocation_endpoint if metadata is not None else None
        return Login(
            server=self.url,
            issuer=self.issuer(),
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


class NoStorage:
    """The SDK's ``TokenStorage`` for one login: nothing is kept before the login is complete."""

    def __init__(self, flow: Flow, client: OAuthClientInformationFull | None = None) -> None:
        self._flow = flow
        self._client = client

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        pass

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        # Registered anew although the entry has a client: it leads to another issuer than that one's.
        self._flow.check_issuer(client_info.issuer)
