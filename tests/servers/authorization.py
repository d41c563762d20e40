"""A real authorization server and MCP servers that it protects, on loopback, in threads of this process."""

from __future__ import annotations

import secrets
import socket
import time
from base64 import b64decode
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    ProviderTokenVerifier,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.routes import build_metadata, create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import Context
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SCOPE = "use"
CANARY = "canary-7f3a"
"""Every token, code and secret begins so."""


@dataclass
class Behaviour:
    """What the server does; a test changes it while it runs."""

    lifetime: int = 3600
    """Seconds of an access token."""
    denies: bool = False
    names_issuer: str | None = None
    """``iss`` of its answers, in place of its own."""
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    """Members of its metadata, in place of its own; None takes one out."""
    refuses_tokens: int | None = None
    """The status of every answer of its token endpoint."""
    rotates: bool = True


class Authority(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Grants everything at once; tokens are for the resource that was asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.behaviour = Behaviour()
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}
        self.seen: list[dict[str, str]] = []
        """The forms that its token endpoint got."""
        self.authorized: list[AuthorizationParams] = []

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        self.authorized.append(params)
        redirect, issuer = str(params.redirect_uri), self.behaviour.names_issuer or self.url
        if self.behaviour.denies:
            return construct_redirect_uri(redirect, error="access_denied", state=params.state, iss=issuer)
        code = f"{CANARY}-{secrets.token_hex(20)}"
        self.codes[code] = AuthorizationCode(
            code=code,
            scopes=params.scopes or [SCOPE],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        return construct_redirect_uri(redirect, code=code, state=params.state, iss=issuer)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self.grant(client.client_id, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        if self.behaviour.rotates:
            del self.refresh[refresh_token.token]
        return self.grant(client.client_id, scopes, refresh_token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.access.pop(token.token, None)
        self.refresh.pop(token.token, None)

    def grant(self, client: str, scopes: list[str], resource: str | None) -> OAuthToken:
        access, refresh = (f"{CANARY}-{secrets.token_hex(20)}" for _ in range(2))
        ends = int(time.time()) + 3600
        self.access[access] = AccessToken(
            token=access, client_id=client, scopes=scopes, expires_at=ends, resource=resource
        )
        self.refresh[refresh] = RefreshToken(
            token=refresh, client_id=client, scopes=scopes, resource=resource
        )
        return OAuthToken(
            access_token=access,
            refresh_token=refresh if self.behaviour.rotates else None,
            expires_in=self.behaviour.lifetime,
            scope=" ".join(scopes),
        )

    async def metadata(self, _request: Request) -> Response:
        registration = ClientRegistrationOptions(enabled=True, valid_scopes=[SCOPE, "more"])
        own = build_metadata(AnyHttpUrl(self.url), None, registration, RevocationOptions(enabled=True))
        content: dict[str, Any] = {
            **own.model_dump(mode="json", exclude_none=True),
            "issuer": self.url,
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post", "client_secret_basic"],
            **self.behaviour.changes,
        }
        return JSONResponse({key: value for key, value in content.items() if value is not None})

    async def revoked(self, request: Request) -> Response:
        """RFC 7009. The SDK's own endpoint wants a secret of clients that have none."""
        token = str((await request.form())["token"])
        if found := self.refresh.get(token):
            await self.revoke_token(found)
        return Response()

    def app(self) -> Any:
        """The server as an ASGI application."""
        registration = ClientRegistrationOptions(enabled=True, valid_scopes=[SCOPE, "more"])
        routes = create_auth_routes(
            self, AnyHttpUrl(self.url), None, registration, RevocationOptions(enabled=True)
        )
        own = Route("/.well-known/oauth-authorization-server", self.metadata)
        inner = Starlette(routes=[own, Route("/revoke", self.revoked, methods=["POST"]), *routes])

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"] == "/token":
                request = Request(scope, receive)
                body = await request.body()
                form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
                self.seen.append({**form, "authorization": request.headers.get("authorization", "")})
                if (answer := self._answer(form, request)) is not None:
                    return await answer(scope, receive, send)

                async def again() -> Any:
                    return {"type": "http.request", "body": body, "more_body": False}

                return await inner(scope, again, send)
            return await inner(scope, receive, send)

        return app

    def _answer(self, form: dict[str, str], request: Request) -> Response | None:
        if (status := self.behaviour.refuses_tokens) is not None:
            # Some servers say more than they should.
            return JSONResponse({"error": "server_error", "error_description": repr(form)}, status)
        if form.get("grant_type") != "client_credentials":
            return None
        named = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
        client = self.clients.get(named[0])
        if client is None or client.client_secret != named[2]:
            return JSONResponse({"error": "invalid_client"}, 401)
        token = self.grant(named[0], [SCOPE], form.get("resource"))
        return JSONResponse(token.model_dump(exclude={"refresh_token"}, exclude_none=True))


@dataclass
class Guarded:
    """An MCP server that wants a token of an authority."""

    url: str
    headers: list[str | None] = field(default_factory=list[str | None])
    """The ``Authorization`` of each request that got there."""
    answers_strangers: bool = False
    """Whether it answers a ``ping`` without a token, as servers do that guard their calls alone."""


@contextmanager
def authority() -> Generator[Authority]:
    """Run an authorization server."""
    server = Authority()
    with _listening() as (listening, url):
        server.url = url
        with _running(server.app(), listening):
            yield server


@contextmanager
def guarded(
    issuer: Authority, *, advertised: str | None = None, transport: str = "mcp"
) -> Generator[Guarded]:
    """Run an MCP server with the tools ``add`` and ``tell``, which shows its caller's token.

    Parameters:
        advertised: the authorization server that it names, in place of the one whose tokens it takes.
        transport: ``mcp`` (streamable HTTP) or ``sse``.
    """
    with _listening() as (listening, base):
        about = Guarded(f"{base}/{transport}")
        server = MCPServer(
            "guarded",
            token_verifier=ProviderTokenVerifier(issuer),
            # As text: an address without a path must stay so.
            auth=AuthSettings.model_validate(
                {
                    "issuer_url": advertised or issuer.url,
                    "resource_server_url": about.url,
                    "required_scopes": [SCOPE],
                    "validate_token_resource": True,
                }
            ),
        )

        @server.tool()
        def add(a: int, b: int) -> int:
            """Add two numbers."""
            return a + b

        @server.tool()
        def tell(ctx: Context[Any, Any]) -> str:
            """Tell the caller's own secret."""
            return f"it was {(ctx.headers or {})['authorization']}"

        inner = server.sse_app() if transport == "sse" else server.streamable_http_app()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                about.headers.append(token := Request(scope).headers.get("authorization"))
                if about.answers_strangers and token is None and scope["path"] == "/mcp":
                    return await Response(b"{}")(scope, receive, send)
            return await inner(scope, receive, send)

        with _running(app, listening):
            yield about


@contextmanager
def _listening() -> Generator[tuple[socket.socket, str]]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def _running(app: Any, listening: socket.socket) -> Generator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
