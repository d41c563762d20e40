"""Questions that servers ask during calls, brought to whoever made the call."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import anyio

if TYPE_CHECKING:
    from mcp.client.context import ClientRequestContext
    from mcp_types import ElicitRequestParams, ElicitResult


@dataclass(frozen=True, slots=True)
class Form:
    """What a server wants to know from a person. All of it is the server's own words."""

    server: str
    tool: str
    message: str
    schema: Mapping[str, Any]
    """JSON Schema of a flat object."""


Filled = Mapping[str, Any] | Literal["decline", "cancel"]
"""The form's content; ``decline``: the person says no; ``cancel``: nobody decided."""
Fill = Callable[[Form], Awaitable[Filled]]


@dataclass(slots=True)
class _Call:
    tool: str
    scope: anyio.CancelScope
    """Ends the call when its time is over."""
    fill: Fill | None
    forms: int = 0
    left: float = 0.0

    @contextmanager
    def standing(self) -> Generator[None]:
        """Let the call's time stand."""
        self.forms += 1
        if self.forms == 1:
            self.left = self.scope.deadline - anyio.current_time()
            self.scope.deadline = math.inf
        try:
            yield
        finally:
            self.forms -= 1
            if not self.forms:
                self.scope.deadline = anyio.current_time() + self.left


_PERSON: ContextVar[Fill | None] = ContextVar("person", default=None)
_CALL: ContextVar[_Call | None] = ContextVar("call", default=None)


class filled_by:  # noqa: N801 - a context manager, as a class because each call has one
    """Say who fills in the forms of the calls that are made within."""

    def __init__(self, fill: Fill | None) -> None:
        self._fill = fill

    def __enter__(self) -> None:
        self._token = _PERSON.set(self._fill)

    def __exit__(self, *_: object) -> None:
        _PERSON.reset(self._token)


class Elicitations:
    """The questions of one server, in one life of its connection.

    The newest revision of the protocol says to which call a question belongs. The older ones do not: there a
    question is brought to a person only while a single call is under way.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._calls: list[_Call] = []

    @contextmanager
    def during(self, tool: str, scope: anyio.CancelScope) -> Generator[None]:
        """Know of a call that is under way.

        Parameters:
            scope: ends it in time; its time stands while a person is asked.
        """
        call = _Call(tool, scope, _PERSON.get())
        self._calls.append(call)
        token = _CALL.set(call)
        try:
            yield
        finally:
            _CALL.reset(token)
            self._calls.remove(call)

    async def answer(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002 - the SDK fixes it
        """Answer one question of the server's."""
        # Everyone imports this module, and the SDK takes a third of a second.
        from mcp_types import ElicitRequestFormParams, ElicitResult

        call = _CALL.get() or (self._calls[0] if len(self._calls) == 1 else None)
        if call is None or call.fill is None or not isinstance(params, ElicitRequestFormParams):
            return ElicitResult(action="cancel")
        with call.standing():
            filled = await call.fill(Form(self._server, call.tool, params.message, params.requested_schema))
        if isinstance(filled, str):
            return ElicitResult(action=filled)
        return ElicitResult(action="accept", content=dict(filled))
