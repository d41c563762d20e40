"""Talks to an authorization server about a login that there is: renews it, and gives it back."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any, Final, cast
from urllib.parse import quote

import anyio
import httpx2
from mcp.shared.auth import OAuthToken
from pydantic import ValidationError

from underpass.catalog.bounded_body import bound_body
from underpass.catalog.logins import Login
from underpass.catalog.oauth_settings import may_carry_secrets

TIMEOUT: Final = 15.0
"""Seconds for one request."""
MAX_ANSWER: Final = 1024 * 1024
"""Bytes of one answer."""
_EARLY = 30.0
_EARLY_SHARE = 0.1
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class LoginEnded(Exception):
    """The authorization server does not renew the login any more; the text is its error code."""


class RenewalFailed(Exception):
    """It could not be asked, or gave no sensible answer; a later attempt may succeed. The text says why."""


async def renew(login: Login) -> Login:
    """Exchange the refresh token for new tokens.

    Raises:
        LoginEnded: it is not accepted any more.
        RenewalFailed: anything else went wrong.
    """
    assert login.refresh_token is not None
    data = {"grant_type": "refresh_token", "refresh_token": login.refresh_token}
    if login.resource is not None:
        data["resource"] = login.resource
    status, body = await _post(login, login.token_endpoint, data)
    if status in {400, 401, 403}:
        raise LoginEnded(error_code(body) or f"status {status}")
    if status != 200:
        raise RenewalFailed(f"the authorization server answered {status}")
    try:
        token = OAuthToken.model_validate_json(body)
    except ValidationError:  # its text quotes the answer
        raise RenewalFailed("the authorization server answered with no token") from None
    return replace(
        login,
        access_token=token.access_token,
        # Servers that do not rotate it leave it out, and so they do with an unchanged scope.
        refresh_token=token.refresh_token or login.refresh_token,
        scope=token.scope or login.scope,
        expires_at=expiry(token.expires_in),
    )


async def revoke(login: Login) -> bool:
    """Tell the authorization server that the login is over (RFC 7009); False when it does not know by now."""
    if login.revocation_endpoint is None:
        return False
    token = login.refresh_token or login.access_token
    try:
        status, _ = await _post(login, login.revocation_endpoint, {"token": token})
    except RenewalFailed:
        return False
    return status == 200


def expiry(lifetime: int | None) -> float | None:
    """Return when a token has to be renewed, a little before it ends; seconds since 1970."""
    if lifetime is None:
        return None
    return time.time() + lifetime - min(_EARLY, lifetime * _EARLY_SHARE)


def error_code(body: bytes) -> str:
    """Return the error code of a refusal, such as ``invalid_grant``; empty when there is none."""
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    code = cast("dict[str, Any]", content).get("error") if isinstance(content, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def direct() -> dict[str, httpx2.AsyncBaseTransport | None]:
    """Return the ``mounts`` of a client that gives plain http to no proxy: it is for this machine alone."""
    return {"http://": httpx2.AsyncHTTPTransport()}


async def _post(login: Login, url: str, data: dict[str, str]) -> tuple[int, bytes]:
    if not may_carry_secrets(url, server=login.server):
        raise RenewalFailed("the authorization server is not reached over https")
    auth: httpx2.Auth | None = None
    if login.client_secret is not None and login.client_auth == "client_secret_basic":
        auth = httpx2.BasicAuth(quote(login.client_id, safe=""), quote(login.client_secret, safe=""))
    elif login.client_secret is not None:
        data = {**data, "client_secret": login.client_secret}
    try:
        # No redirects: a token goes where the server's metadata said, or nowhere.
        with anyio.fail_after(TIMEOUT):
            async with (
                httpx2.AsyncClient(auth=auth, timeout=TIMEOUT, mounts=direct()) as client,
                client.stream("POST", url, data={**data, "client_id": login.client_id}) as response,
            ):
                bound_body(response, MAX_ANSWER)
                return response.status_code, await response.aread()
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, TimeoutError) as error:
        what = type(error).__name__
        raise RenewalFailed(f"the authorization server could not be reached ({what})") from None
