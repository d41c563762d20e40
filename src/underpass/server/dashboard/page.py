"""One page, declared once, and what all pages have in common: who may see it, and what it may load."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl

import anyio
import orjson
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from underpass.errors import UnderpassError
from underpass.server.api.endpoint import JSON, Call
from underpass.server.api.event_stream import EVENT_STREAM, EventStream
from underpass.server.api.reading import check_path
from underpass.server.dashboard.rendering import render
from underpass.server.dashboard.watching import Topic, sign
from underpass.server.http_access import principal_of, session_of
from underpass.server.problem import Refused, status_of
from underpass.server.tenancy.events import Event
from underpass.server.tenancy.principal import Scope
from underpass.server.tenancy.view import TenantView

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PART: Final = "X-Part"
"""The header of a request for the live part alone; it holds the digest of the one that the browser has."""
_EVERY: Final = 0.5
"""Seconds between two looks for news; between two times that a page is put together, at least as many."""
_LOG: Final = structlog.get_logger("underpass.service")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page has to show."""

    template: str
    title: str
    data: Mapping[str, Any]
    again: float | None
    """Seconds after which it may have changed though no look finds anything: of what other processes do."""


@dataclass(frozen=True, slots=True)
class Part:
    """The live part of a page."""

    html: str
    waiting: int
    """Questions that nobody has answered, for the navigation."""

    @property
    def digest(self) -> str:
        """Another one for anything that looks different."""
        return hashlib.sha256(f"{self.waiting} {self.html}".encode()).hexdigest()[:16]

    def told(self, signed: str) -> bytes:
        """Return the part as a browser takes it; ``signed`` is what a look found before."""
        return orjson.dumps({"html": self.html, "waiting": self.waiting, "seen": self.digest, "sign": signed})


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page, or for an action on one."""

    call: Call

    @property
    def view(self) -> TenantView:
        """What the visitor sees."""
        return self.call.view

    def asked(self, name: str) -> str:
        """Return a parameter of the address, empty where it has none."""
        return self.call.request.query_params.get(name, "").strip()

    def may(self, scope: Scope) -> bool:
        """Whether the visitor has a scope."""
        return self.call.principal is not None and self.call.principal.may(scope)

    async def questions(self) -> list[dict[str, Any]]:
        """Return the questions that nobody has answered; those answered ahead of a resumption are settled."""
        return [each for each in await self.view.questions() if each["answer"] is None]

    async def form(self) -> dict[str, str]:
        """Return the fields of the form that was sent."""
        content = (await self.call.request.body()).decode("utf-8", "replace")
        return dict(parse_qsl(content, keep_blank_values=True, max_num_fields=2_000))

    def show(self, template: str, title: str, *, again: float | None = None, **data: Any) -> Shown:
        """Return a page.

        Parameters:
            again: seconds after which it is put together once more, whatever a look finds; None for never.
        """
        return Shown(template, title, data, again)

    async def part(self, shown: Shown) -> Part:
        """Put the live part of a page together."""
        waiting = len(await self.questions())
        html = render(shown.template, layout="fragment.html", waiting=waiting, **self._shared(shown))
        return Part(html, waiting)

    async def whole(self, shown: Shown, signed: str) -> Response:
        """Put the whole page together."""
        part = await self.part(shown)
        # Without what was found, the stream begins by putting it together, and learns when to do so again.
        found = signed if shown.again is None else ""
        more = {"seen": part.digest, "sign": found, "waiting": part.waiting}
        html = render(shown.template, layout="base.html", **more, **self._shared(shown))
        return HTMLResponse(html, 200, HEADERS)

    def fragment(self, template: str, **data: Any) -> Response:
        """Return what an action has to show beside the page that it was asked from."""
        return HTMLResponse(render(template, may=self.may, **data), 200, HEADERS)

    def _shared(self, shown: Shown) -> dict[str, Any]:
        session = session_of(self.call.request.scope)
        return {
            "title": shown.title,
            "path": self.call.request.url.path,
            "csrf": "" if session is None else session.csrf,
            "tenant": None if self.call.principal is None else self.call.principal.tenant,
            "may": self.may,
            **shown.data,
        }


def done(text: str) -> Response:
    """Return the answer to an action: the page says ``text``, and asks for its live part again."""
    told = json.dumps({"notice": {"text": text, "bad": False}, "refresh": {}})
    return Response(status_code=204, headers={**HEADERS, "HX-Trigger": told})


def moved(path: str) -> Response:
    """Return the answer to an action that leads to another page."""
    return Response(status_code=204, headers={**HEADERS, "HX-Redirect": path})


Handler = Callable[..., Awaitable[Shown | Response]]
A = TypeVar("A", bound=Handler)


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or one action."""

    method: Literal["GET", "POST"]
    path: str
    scope: Scope
    handler: Handler
    topics: tuple[Topic, ...] = ()
    """What it shows that changes by itself."""
    every: float = _EVERY
    """Seconds between two times that it is put together, at least."""


class Pages:
    """Collects the routes of one module."""

    def __init__(self) -> None:
        self.all: list[Page] = []

    def get(self, path: str, *topics: Topic, every: float = _EVERY) -> Callable[[A], A]:
        """Declare the decorated function as a page. It is called with a ``Visit`` and the path's names.

        Parameters:
            topics: what it shows that changes by itself.
            every: seconds between two times that it is put together, at least.
        """
        return self._add("GET", path, "read", topics, every)

    def post(self, path: str, scope: Scope) -> Callable[[A], A]:
        """Declare the decorated function as an action."""
        return self._add("POST", path, scope, (), _EVERY)

    def _add(
        self,
        method: Literal["GET", "POST"],
        path: str,
        scope: Scope,
        topics: tuple[Topic, ...],
        every: float,
    ) -> Callable[[A], A]:
        def declare(handler: A) -> A:
            self.all.append(Page(method, path, scope, handler, topics, every))
            return handler

        return declare

    def routes(self, views: Callable[[str | None], TenantView], service: Any) -> list[Route]:
        """Return the routes.

        Parameters:
            views: what each tenant sees.
            service: the service's own parts.
        """
        return [
            Route(page.path, _answering(page, views, service), methods=[page.method]) for page in self.all
        ]


def _answering(
    page: Page, views: Callable[[str | None], TenantView], service: Any
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        request.scope["underpass.route"] = page.path
        principal = principal_of(request.scope)
        if principal is None:
            return _refusal(request, 401, "You are not signed in", "Run this where the service runs:")
        if not principal.may(page.scope):
            return _refusal(
                request, 403, f"Your token lacks the scope “{page.scope}”", "Enter with a token that has it:"
            )
        visit = Visit(Call(request, views(principal.tenant), principal, service))
        try:
            check_path(request.path_params)
            if page.method == "GET" and request.headers.get("accept") == EVENT_STREAM:
                return EventStream(_live(visit, page))
            signed = "" if page.method == "POST" else await _signed(visit, page)
            found = await page.handler(visit, **request.path_params)
            if isinstance(found, Response):
                return found
            if (seen := request.headers.get(PART)) is None:
                return await visit.whole(found, signed)
            part = await visit.part(found)
            if part.digest == seen:
                return Response(status_code=204, headers=HEADERS)
            return Response(part.told(signed), 200, HEADERS, JSON)
        except Refused as refused:
            return _refusal(request, refused.status, refused.error.message, refused.error.hint)
        except UnderpassError as error:
            return _refusal(request, status_of(error), error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - it is in the log, and not in the answer
            _unforeseen(page, error)
            return _refusal(request, 500, "The service failed in a way that was not foreseen", "")

    return answer


async def _live(visit: Visit, page: Page) -> AsyncGenerator[Event]:
    """Yield the live part of a page whenever it has become another one.

    Nothing is put together while no look finds anything new, while what was sent last has not been taken, or
    once the session is over.
    """
    request, session = visit.call.request, session_of(visit.call.request.scope)
    cookies, browsers = request.headers.get("cookie", ""), visit.call.service.browsers
    seen, last, again, put, number = visit.asked("seen"), visit.asked("sign"), None, time.monotonic(), 0
    while session is None or browsers.find(cookies) is session:
        signed = await _signed(visit, page)
        if signed != last or (again is not None and time.monotonic() - put >= again):
            try:
                shown = await page.handler(visit, **request.path_params)
                assert isinstance(shown, Shown), "what is followed is a page"
                part = await visit.part(shown)
            except (Refused, UnderpassError):
                return  # the browser comes back, and is told what is wrong
            except Exception as error:  # noqa: BLE001 - it is in the log
                _unforeseen(page, error)
                return
            last, again, put = signed, shown.again, time.monotonic()
            if part.digest != seen:
                seen, number = part.digest, number + 1
                yield Event(number, "part", part.told(signed))
        await anyio.sleep(page.every)


async def _signed(visit: Visit, page: Page) -> str:
    call = visit.call
    return await sign({*page.topics, "questions"}, visit.view, call.service, call.request.path_params)


def _unforeseen(page: Page, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    _LOG.error("unexpected", route=page.path, error=type(error).__name__, at=places)


def _refusal(request: Request, status: int, message: str, hint: str) -> Response:
    """Return a refusal: a page, or for a part of one what the page then says."""
    if "hx-request" in request.headers:
        text = f"{message}. {hint}" if hint else message
        told = json.dumps({"notice": {"text": text[:1_000], "bad": True}})
        return Response(status_code=status, headers={**HEADERS, "HX-Trigger": told})
    content = render("refused.html", status=status, message=message, hint=hint)
    return HTMLResponse(content, status, HEADERS)
