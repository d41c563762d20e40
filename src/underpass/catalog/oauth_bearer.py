"""Signs requests with a kept login, renews it in time, and says when its owner has to log in again."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import NamedTuple

import anyio
import anyio.to_thread
import httpx2
from mcp.client.auth.utils import extract_field_from_www_auth

from underpass.catalog.logins import Login, Logins
from underpass.catalog.oauth_endpoint import LoginEnded, RenewalFailed, renew
from underpass.catalog.oauth_settings import may_carry_secrets
from underpass.catalog.redaction import Redactor
from underpass.catalog.spec import ServerSpec
from underpass.errors import ConfigError, LoginFailed


class Problem(NamedTuple):
    """Why a server did not let us in. ``what`` is empty when its own answer says it best."""

    what: str
    hint: str
    needs_login: bool = True
    """Whether its owner can mend it by a login."""


_Token = tuple[str | None, Problem | None]
"""An access token, and why there is none or no good one."""


class Bearer(httpx2.Auth):
    """Adds the access token of one server to requests that go there, and to no others.

    It never asks a person anything, and raises nothing: a request that is refused is told by ``problem``.

    Parameters:
        spec: the server, with its references looked up.
        logins: where its login is, perhaps made later by another process.
        redactor: is told the tokens, so that nothing that the server says can show them.
    """

    def __init__(self, spec: ServerSpec, logins: Logins, redactor: Redactor) -> None:
        assert spec.url is not None
        self.problem: Problem | None = None
        """Why the latest request was refused; None if it was not."""
        self._name = spec.name
        self._url = spec.url
        self._spec = spec
        self._logins = logins
        self._redactor = redactor
        self._login: Login | None = None
        self._stamp: object = None
        self._lock = anyio.Lock()

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        problem: Problem | None = None
        token = None
        if self._is_ours(request.url):
            token, problem = await self._token(refused=None)
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401 and token is not None:
            renewed, problem = await self._token(refused=token)
            if renewed is not None and renewed != token:
                token = renewed
                request.headers["Authorization"] = f"Bearer {token}"
                response = yield request
        self.problem = self._judge(response, token, problem)

    def _is_ours(self, url: httpx2.URL) -> bool:
        ours = httpx2.URL(self._url)
        return (url.scheme, url.host, url.port) == (ours.scheme, ours.host, ours.port) and may_carry_secrets(
            self._url, server=self._url
        )

    def _judge(self, response: httpx2.Response, token: str | None, problem: Problem | None) -> Problem | None:
        command = f"`underpass login {self._name}`"
        if (
            response.status_code == 403
            and extract_field_from_www_auth(response, "error") == "insufficient_scope"
        ):
            scope = extract_field_from_www_auth(response, "scope")
            asked = f" ({self._redactor.text(scope)[:200]})" if scope else ""
            return Problem(
                f"needs a login with more rights{asked}: run {command}",
                'if that does not help, name the scopes in "oauth": {"scopes": […]} of its entry first',
            )
        if response.status_code != 401:
            return None
        if problem is not None:
            return problem
        if token is not None:
            return Problem(f"does not accept its login any more: run {command}", "")
        if response.headers.get("www-authenticate", "").lower().startswith("bearer"):
            return Problem(f"needs a login: run {command}", "")
        return Problem("", f'run {command}, or put its key in "headers"', needs_login=False)

    async def _token(self, refused: str | None) -> _Token:
        """Return the access token to use, renewed when it is over or was ``refused``."""
        try:
            async with self._lock:
                login = await self._read()
                if login is not None and _is_good(login, refused):
                    return login.access_token, None
                if self._spec.oauth.grant == "client_credentials":
                    return await self._of_machine(), None
                return (None, None) if login is None else await self._renewed(login, refused)
        except LoginFailed as error:
            return None, Problem(
                error.message.removeprefix(f"server {self._name!r} "), error.hint, needs_login=False
            )
        except ConfigError as error:
            own = self._spec.oauth.grant == "client_credentials"
            hint = error.hint if own else f"`underpass login {self._name}` makes a new one"
            return None, Problem(f"cannot use its login: {error.message}", hint, needs_login=not own)

    async def _of_machine(self) -> str:
        # Imports cryptography, which takes time: not for everybody who calls a server.
        from underpass.catalog.oauth_machine import log_machine_in

        self._login = login = await log_machine_in(self._spec, self._redactor)
        self._learn(login)
        return login.access_token

    async def _renewed(self, login: Login, refused: str | None) -> _Token:
        ended = Problem(f"needs a login: its login is over, run `underpass login {self._name}`", "")
        if login.refresh_token is None:
            return login.access_token, ended
        async with self._logins.held(self._url):
            # Whoever held the lock before may have renewed it; the old refresh token is worth nothing then.
            current = await self._read()
            if current is None:
                return None, None
            if _is_good(current, refused) or current.refresh_token is None:
                return current.access_token, None
            # Not to be interrupted: a refresh token is good for once, and its successor must not be lost.
            exchanged: _Token = (None, None)
            with anyio.CancelScope(shield=True):
                exchanged = await self._exchanged(current)
            return exchanged  # noqa: RET504 - a scope may swallow an exception, for all that types tell

    async def _exchanged(self, login: Login) -> _Token:
        secret = self._spec.oauth.client_secret or login.client_secret
        try:
            renewed = await renew(replace(login, client_secret=secret))
        except LoginEnded as error:
            await anyio.to_thread.run_sync(self._logins.remove, self._url, login.issuer)
            command = f"`underpass login {self._name}`"
            return None, Problem(f"needs a login: the last one was ended ({error}), run {command}", "")
        except RenewalFailed as error:
            what = f"cannot renew its login: {error}"
            return login.access_token, Problem(what, "the next call tries again", needs_login=False)
        # The entry's own secret stays where the entry has it.
        self._login = renewed = replace(renewed, client_secret=login.client_secret)
        self._learn(renewed)
        await anyio.to_thread.run_sync(self._logins.put, renewed)
        return renewed.access_token, None

    async def _read(self) -> Login | None:
        stamp = await anyio.to_thread.run_sync(self._logins.stamp, self._url)
        if stamp != self._stamp:
            login = await anyio.to_thread.run_sync(self._logins.get, self._url, self._spec.oauth.issuer)
            if login is not None and self._spec.oauth.client_id not in {None, login.client_id}:
                login = None  # made for another client, which alone can renew it
            self._login, self._stamp = login, stamp
            if login is not None:
                self._learn(login)
        return self._login

    def _learn(self, login: Login) -> None:
        self._redactor.add("access-token", login.access_token)
        if login.refresh_token is not None:
            self._redactor.add("refresh-token", login.refresh_token)
        if login.client_secret is not None:
            self._redactor.add("client-secret", login.client_secret)


def _is_good(login: Login, refused: str | None) -> bool:
    return login.access_token != refused and (login.expires_at is None or time.time() < login.expires_at)
