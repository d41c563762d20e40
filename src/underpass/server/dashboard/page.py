"""One page, declared once, and what all pages have in common: who may see it, and what it may load."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from underpass.errors import UnderpassError
from underpass.server.api.endpoint import Call
from underpass.server.api.reading import check_path
from underpass.server.dashboard.rendering import render
from underpass.server.http_access import principal_of, session_of
from underpass.server.problem import Refused, status_of
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
_LOG: Final = structlog.get_logger("underpass.service")
_LIVE: Final = "live"


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

    def show(self, template: str, title: str, *, seconds: int | None = None, **data: Any) -> Response:
        """Return a page, or its live part where the page itself asks again for that.

        The part is sent only where it differs from what the browser has: nothing moves, and no screen reader
        speaks, while nothing happens.

        Parameters:
            seconds: after which the page asks for its live part again; None for never.
        """
        request = self.call.request
        url = request.url
        session = session_of(request.scope)
        shared = {
            "title": title,
            "path": url.path,
            "here": url.path + (f"?{url.query}" if url.query else ""),
            "csrf": "" if session is None else session.csrf,
            "tenant": None if self.call.principal is None else self.call.principal.tenant,
            "may": self.may,
            "seconds": seconds,
            **data,
        }
        part = render(template, layout="fragment.html", digest="", **shared)
        digest = hashlib.sha256(f"{seconds} {part}".encode()).hexdigest()[:16]
        if request.headers.get("hx-target") != _LIVE:
            return HTMLResponse(render(template, layout="base.html", digest=digest, **shared), 200, HEADERS)
        if request.headers.get("x-seen") == digest:
            return Response(status_code=204, headers=HEADERS)
        return HTMLResponse(render(template, layout="live.html", digest=digest, **shared), 200, HEADERS)


def done(text: str) -> Response:
    """Return the answer to an action: the page says ``text``, and asks for its live part again."""
    told = json.dumps({"notice": {"text": text, "bad": False}, "refresh": {}})
    return Response(status_code=204, headers={**HEADERS, "HX-Trigger": told})


def moved(path: str) -> Response:
    """Return the answer to an action that leads to another page."""
    return Response(status_code=204, headers={**HEADERS, "HX-Redirect": path})


Handler = Callable[..., Awaitable[Response]]


class Pages:
    """Collects the routes of one module."""

    def __init__(self) -> None:
        self.all: list[tuple[Literal["GET", "POST"], str, Scope, Handler]] = []

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Declare the decorated function as a page. It is called with a ``Visit`` and the path's names."""
        return self._add("GET", path, "read")

    def post(self, path: str, scope: Scope) -> Callable[[Handler], Handler]:
        """Declare the decorated function as an action."""
        return self._add("POST", path, scope)

    def _add(self, method: Literal["GET", "POST"], path: str, scope: Scope) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.all.append((method, path, scope, handler))
            return handler

        return declare

    def routes(self, views: Callable[[str | None], TenantView], service: Any) -> list[Route]:
        """Return the routes.

        Parameters:
            views: what each tenant sees.
            service: the service's own parts.
        """
        return [
            Route(path, _answering(path, scope, handler, views, service), methods=[method])
            for method, path, scope, handler in self.all
        ]


def _answering(
    path: str, scope: Scope, handler: Handler, views: Callable[[str | None], TenantView], service: Any
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        request.scope["underpass.route"] = path
        principal = principal_of(request.scope)
        if principal is None:
            return _refusal(request, 401, "You are not signed in", "Run this where the service runs:")
        if not principal.may(scope):
            return _refusal(
                request, 403, f"Your token lacks the scope “{scope}”", "Enter with a token that has it:"
            )
        visit = Visit(Call(request, views(principal.tenant), principal, service))
        try:
            check_path(request.path_params)
            return await handler(visit, **request.path_params)
        except Refused as refused:
            return _refusal(request, refused.status, refused.error.message, refused.error.hint)
        except UnderpassError as error:
            return _refusal(request, status_of(error), error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - it is in the log, and not in the answer
            frames = traceback.extract_tb(error.__traceback__)
            places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
            _LOG.error("unexpected", route=path, error=type(error).__name__, at=places)
            return _refusal(request, 500, "The service failed in a way that was not foreseen", "")

    return answer


def _refusal(request: Request, status: int, message: str, hint: str) -> Response:
    """Return a refusal: a page, or for a part of one what the page then says."""
    if "hx-request" in request.headers:
        text = f"{message}. {hint}" if hint else message
        told = json.dumps({"notice": {"text": text[:1_000], "bad": True}})
        return Response(status_code=status, headers={**HEADERS, "HX-Trigger": told})
    content = render("refused.html", status=status, message=message, hint=hint)
    return HTMLResponse(content, status, HEADERS)
