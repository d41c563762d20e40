"""The dashboard's sessions in a browser: begun with a ticket that is good once, and held by a cookie."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.responses import Response

from underpass.server.tenancy.principal import Principal

COOKIE: Final = "underpass_session"
CSRF_HEADER: Final = "X-CSRF-Token"
TICKET_SECONDS: Final = 60.0
_SESSION_SECONDS: Final = 12 * 3_600.0
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """One browser that somebody with a token has let in."""

    principal: Principal
    csrf: str
    """What each request that changes something has to carry in ``CSRF_HEADER``. A foreign page can make a
    browser send the cookie, and cannot know this."""
    ends: float


class BrowserSessions:
    """The sessions and tickets of this process; they end with it.

    Parameters:
        clock: seconds that go by.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tickets: dict[str, tuple[Principal, float]] = {}
        self._sessions: dict[str, BrowserSession] = {}

    def ticket(self, principal: Principal) -> str:
        """Return a ticket that is good once, for a minute: it may stand in an address."""
        self._tidy()
        ticket = secrets.token_urlsafe(32)
        self._tickets[_digest(ticket)] = (principal, self._clock() + TICKET_SECONDS)
        return ticket

    def enter(self, ticket: str, answer: Response) -> BrowserSession | None:
        """Begin a session, and have an answer set its cookie; None where the ticket is no good."""
        principal, ends = self._tickets.pop(_digest(ticket), (None, 0.0))
        if principal is None or ends < self._clock():
            return None
        self._tidy()
        secret = secrets.token_urlsafe(32)
        csrf = hmac.digest(secret.encode(), b"csrf", "sha256").hex()
        session = BrowserSession(principal, csrf, self._clock() + _SESSION_SECONDS)
        self._sessions[_digest(secret)] = session
        answer.set_cookie(
            COOKIE, secret, max_age=int(_SESSION_SECONDS), path="/", httponly=True, samesite="strict"
        )
        return session

    def find(self, cookies: str) -> BrowserSession | None:
        """Return the session of a request, by its header ``Cookie``."""
        try:
            found = SimpleCookie(cookies).get(COOKIE)
        except CookieError:
            return None
        session = None if found is None else self._sessions.get(_digest(found.value))
        return session if session is not None and session.ends > self._clock() else None

    def leave(self, cookies: str, answer: Response) -> None:
        """End the session of a request."""
        found = SimpleCookie(cookies).get(COOKIE)
        if found is not None:
            self._sessions.pop(_digest(found.value), None)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")

    def _tidy(self) -> None:
        now = self._clock()
        self._tickets = {key: each for key, each in self._tickets.items() if each[1] > now}
        self._sessions = {key: each for key, each in self._sessions.items() if each.ends > now}
        for kept in (self._tickets, self._sessions):
            for key in list(kept)[: max(len(kept) - _MOST, 0)]:
                del kept[key]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "backslashreplace")).hexdigest()
