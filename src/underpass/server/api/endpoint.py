"""One route, declared once: who may use it, what it takes, what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict
from starlette.requests import Request

from underpass.server.tenancy.principal import Principal, Scope
from underpass.server.tenancy.view import TenantView

Method = Literal["GET", "POST", "PUT", "DELETE"]
JSON: Final = "application/json"
H = TypeVar("H", bound=Callable[..., Awaitable[Any]])


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""Of whole numbers, after their bounds: JSON does not tell 1.0 from 1."""


class Body(BaseModel):
    """What a request or an answer says, as JSON. Nothing is guessed: ``"1"`` is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(Body):
    """The parameters of a request."""


class Shown(BaseModel):
    """A part of an answer. Later versions may say more."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a route answers with one status."""

    model: type[BaseModel] | None = None
    """None for no content, or for ``media_type`` as it is."""
    media_type: str = JSON
    description: str = "It went well"
    headers: Mapping[str, str] | None = None
    """Descriptions, by name."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request at a route."""

    request: Request
    view: TenantView
    principal: Principal | None
    service: Any
    """The service's own parts, for the few routes that are about it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route."""

    method: Method
    path: str
    scope: Scope | None
    """What the token needs; None for a route that may be open."""
    summary: str
    tag: str
    handler: Callable[..., Awaitable[Any]]
    query: type[Query] | None
    body: type[Body] | None
    raw: bool
    """Whether the body is taken as it is."""
    answers: Mapping[int, Answers]
    errors: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


class Endpoints:
    """Collects the routes of one module.

    Parameters:
        tag: the heading under which the description has them.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.all: list[Endpoint] = []

    def add(
        self,
        method: Method,
        path: str,
        *,
        scope: Scope | None,
        answers: Mapping[int, Answers] | type[BaseModel],
        errors: tuple[int, ...] = (),
        raw: bool = False,
    ) -> Callable[[H], H]:
        """Declare the decorated function as a route; its docstring's first line is the summary.

        It is called with a ``Call``, and by name with what the path says, and ``query`` and ``body`` where it
        has such parameters; their types say what is taken.

        Parameters:
            answers: by status, or the model of the only one.
            errors: statuses of refusals besides those that every route has.
            raw: whether the body is taken as it is, instead of JSON.
        """

        def declare(handler: H) -> H:
            hints = get_type_hints(handler)
            summary = (handler.__doc__ or "").strip().partition("\n")[0].rstrip(".")
            known = answers if isinstance(answers, Mapping) else {200: Answers(answers)}
            self.all.append(
                Endpoint(
                    method,
                    path,
                    scope,
                    summary,
                    self.tag,
                    handler,
                    hints.get("query"),
                    hints.get("body"),
                    raw,
                    known,
                    errors,
                )
            )
            return handler

        return declare
