"""Who a request is from: by its bearer token, or by the cookie of the dashboard."""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import Final

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope as RequestScope

from underpass.server.http_sessions import CSRF_HEADER, BrowserSession, BrowserSessions
from underpass.server.problem import problem
from underpass.server.tenancy.principal import OPERATOR, Principal
from underpass.server.tenancy.tokens import TokenStore

_KEY: Final = "underpass.principal"
_SESSION_KEY: Final = "underpass.session"
_REALM: Final = 'Bearer realm="underpass"'
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Access:
    """Knows the holders of tokens and of sessions.

    Parameters:
        token: the operator's.
        tokens: those of tenants.
        sessions: of browsers.
    """

    def __init__(self, token: str, tokens: TokenStore | None, sessions: BrowserSessions) -> None:
        self._token = token.encode()
        self._tokens = tokens
        self._sessions = sessions

    def admit(self, scope: RequestScope, headers: Headers) -> Response | None:
        """Note in ``scope`` whose request it is; return the refusal where it is nobody's."""
        given = headers.getlist("authorization")
        if not given and (session := self._sessions.find(headers.get("cookie", ""))) is not None:
            if scope["method"] not in _SAFE and not _carries(headers, session):
                return problem(403, f"the header {CSRF_HEADER} is missing or wrong", hint="reload the page")
            scope[_SESSION_KEY] = session
            _note(scope, session.principal)
            return None
        kind, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        principal = self._holder(secret.strip()) if kind.casefold() == "bearer" else None
        if principal is None:
            what = "the token is wrong, expired or revoked" if given else "a token is needed"
            challenge = f'{_REALM}, error="invalid_token"' if given else _REALM
            return problem(
                401,
                what,
                hint="send it as Authorization: Bearer …; `underpass serve` says where the operator's is",
                error="PermissionDenied",
                headers={"WWW-Authenticate": challenge},
            )
        _note(scope, principal)
        return None

    def _holder(self, secret: str) -> Principal | None:
        if secrets.compare_digest(secret.encode("utf-8", "backslashreplace"), self._token):
            return OPERATOR
        return None if self._tokens is None else self._tokens.principal(secret)


def principal_of(scope: RequestScope) -> Principal | None:
    """Return whose request it is; None for one that needs no token and has none."""
    return scope.get(_KEY)


def session_of(scope: RequestScope) -> BrowserSession | None:
    """Return the browser's session that a request is in."""
    return scope.get(_SESSION_KEY)


def lacking(principal: Principal | None, needed: str) -> Response | None:
    """Return the refusal where somebody's token lacks a scope."""
    if principal is not None and needed in principal.scopes:
        return None
    return problem(
        403,
        f"the token lacks the scope {needed}",
        hint=f"`underpass token create --scope {needed},…` makes one that has it",
        error="PermissionDenied",
        data={"scope": needed},
        headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{needed}"'},
    )


def _note(scope: RequestScope, principal: Principal) -> None:
    scope[_KEY] = principal
    scope["user"] = _user(principal)


@lru_cache(maxsize=1_000)
def _user(principal: Principal) -> AuthenticatedUser:
    """By this the SDK binds the sessions of the older era to who began them."""
    token = AccessToken(token="", client_id=principal.tenant or "", subject=principal.token, scopes=[])
    return AuthenticatedUser(token)


def _carries(headers: Headers, session: BrowserSession) -> bool:
    given = headers.get(CSRF_HEADER, "")
    return secrets.compare_digest(given.encode("utf-8", "backslashreplace"), session.csrf.encode())
