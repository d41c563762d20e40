"""The routes as an ASGI application."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from underpass.errors import UnderpassError
from underpass.server.api.endpoint import JSON, Call, Endpoint
from underpass.server.api.reading import check_path, read_body, read_query
from underpass.server.http_access import lacking, principal_of
from underpass.server.problem import Refused, of_error, problem
from underpass.server.tenancy.view import TenantView

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_LOG: Final = structlog.get_logger("underpass.service")

Views = Callable[[str | None], TenantView]
"""Returns what a tenant sees; None is the operator."""


class Api:
    """Answers the requests at declared routes.

    Parameters:
        views: what each tenant sees.
        service: handed to routes that are about the service itself.
    """

    def __init__(self, endpoints: Iterable[Endpoint], views: Views, service: Any) -> None:
        self._endpoints = tuple(endpoints)
        self._views = views
        self._service = service

    def routes(self) -> list[Route]:
        """Return the routes, for an application that may have others."""
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in self._endpoints:
            by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        return [
            Route(path, self._answering(methods), methods=list(methods)) for path, methods in by_path.items()
        ]

    def _answering(self, methods: Mapping[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            endpoint = methods["GET" if request.method == "HEAD" else request.method]
            request.scope["underpass.route"] = endpoint.path
            principal = principal_of(request.scope)
            if endpoint.scope is not None and (refusal := lacking(principal, endpoint.scope)) is not None:
                return refusal
            view = self._views(None if principal is None else principal.tenant)
            try:
                check_path(request.path_params)
                arguments: dict[str, Any] = dict(request.path_params)
                if endpoint.query is not None:
                    arguments["query"] = read_query(endpoint.query, request.query_params)
                elif request.query_params:
                    return problem(422, "this route takes no parameters", hint="see /api/openapi.json")
                if endpoint.body is not None:
                    kind = request.headers.get("content-type", "")
                    arguments["body"] = read_body(endpoint.body, kind, await request.body())
                result = await endpoint.handler(Call(request, view, principal, self._service), **arguments)
            except Refused as refused:
                return of_error(refused.error, refused.status, refused.headers)
            except UnderpassError as error:
                return of_error(error)
            except Exception as error:  # noqa: BLE001 - it is in the log, and not in the answer
                _LOG.error("unexpected", route=endpoint.path, error=type(error).__name__, at=_places(error))
                return problem(
                    500, "the service failed in a way that was not foreseen", error="UnderpassError"
                )
            return shown(result, next(iter(endpoint.answers)))

        return answer


def _places(error: BaseException) -> list[str]:
    """Where it happened; what it says may be a client's text."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]


def shown(result: Any, status: int) -> Response:
    """Return an answer as the route gave it, or as JSON."""
    if isinstance(result, Response):
        for name, value in _HEADERS.items():
            result.headers.setdefault(name, value)
        return result
    if result is None:
        return Response(status_code=204, headers=_HEADERS)
    content = (
        result.model_dump_json().encode()
        if isinstance(result, BaseModel)
        else orjson.dumps(result, default=str)
    )
    return Response(content, status, _HEADERS, JSON)


async def not_understood(_request: Request, error: Exception) -> Response:
    """Answer what has no route, or not with this method."""
    assert isinstance(error, HTTPException)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return problem(error.status_code, error.detail, hint="see /api/openapi.json", headers=headers)
