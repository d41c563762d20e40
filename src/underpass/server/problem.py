"""Every refusal over HTTP in one shape: ``application/problem+json``, made from the tree of errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.responses import Response

from underpass.errors import (
    ConfigError,
    ExecutionError,
    ModelFailed,
    Overloaded,
    PermissionDenied,
    ResultNotFound,
    SandboxUnavailable,
    ServerNotFound,
    ServerUnavailable,
    SkillError,
    SkillNotFound,
    SkillRefused,
    ToolArgumentsInvalid,
    ToolError,
    ToolNotFound,
    UnderpassError,
    ValidationFailed,
)

MEDIA_TYPE: Final = "application/problem+json"
_STATUS: Final[Mapping[type[UnderpassError], int]] = {
    ServerNotFound: 404,
    ToolNotFound: 404,
    ResultNotFound: 404,
    ValidationFailed: 422,
    ToolArgumentsInvalid: 422,
    PermissionDenied: 403,
    SkillNotFound: 404,
    SkillRefused: 403,
    SkillError: 409,
    Overloaded: 429,
    ConfigError: 409,
    ExecutionError: 409,
    ToolError: 502,
    ServerUnavailable: 503,
    ModelFailed: 502,
    SandboxUnavailable: 503,
}
"""The first class of an error's own order that is here decides."""
_TEXT: Final = 2_000
"""Characters of a message or hint: names that others chose stand in some."""


class Refused(Exception):
    """A request that is refused with a status of its own.

    Parameters:
        error: why.
        headers: of the answer.
    """

    def __init__(self, status: int, error: UnderpassError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = dict(headers or {})


def missing(what: str, hint: str = "") -> Refused:
    """Return the refusal for what is not there, or is another tenant's: nobody can tell which."""
    return Refused(404, ValidationFailed(what, hint=hint))


def status_of(error: UnderpassError) -> int:
    """Return the status that an error has."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def problem(
    status: int,
    detail: str,
    *,
    hint: str = "",
    error: str = "ValidationFailed",
    data: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a refusal.

    Parameters:
        error: the error's name in the tree.
        data: the error's facts.
    """
    content: dict[str, Any] = {
        "type": f"urn:underpass:error:{error}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail[:_TEXT],
        "error": error,
        "hint": hint[:_TEXT],
    }
    if data:
        content["data"] = data
    return Response(
        orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        MEDIA_TYPE,
    )


def of_error(
    error: UnderpassError, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the refusal that an error is."""
    more = dict(headers or {})
    after = error.data.get("retry_after")
    if isinstance(error, Overloaded):
        more["Retry-After"] = str(math.ceil(after) if isinstance(after, int | float) else 1)
    return problem(
        status or status_of(error),
        error.message,
        hint=error.hint,
        error=error.type,
        data=error.data,
        headers=more,
    )
