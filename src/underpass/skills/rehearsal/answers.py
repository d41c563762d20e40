"""Stands in the place of the servers: tools answer what they answered when the case was recorded."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol, cast

from underpass import errors
from underpass.broker.arguments import ArgumentValidator
from underpass.catalog.definition import ToolDefinition
from underpass.errors import ToolError, ToolNotFound, UnderpassError, ValidationFailed
from underpass.execution.frames import Use
from underpass.execution.host import ModuleSource, Question
from underpass.skills.rehearsal.comparison import difference
from underpass.skills.skill import RecordedCall

_SHOWN: Final = 120
_MOST_CALLS: Final = 100_000
"""Of one case; a program that goes on after that is no case of anything."""

Key = tuple[str, str, str]


class Definitions(Protocol):
    """What the tools are now."""

    async def find(self, server: str, tool: str) -> ToolDefinition:
        """Return a tool. Raises ``ToolNotFound``, or ``ServerNotFound`` or ``ServerUnavailable``."""
        ...


class RecordedAnswers:
    """The host of a program that calls nothing: one for each case.

    Equal calls are answered in the order in which they were recorded; calls that differ may come in any.

    Parameters:
        calls: what was recorded.
        definitions: says what arguments the tools take now.
        modules: generated modules.
        questions: answers to what a program asks besides; all others are failures.
    """

    def __init__(
        self,
        calls: Sequence[RecordedCall],
        definitions: Definitions,
        modules: ModuleSource,
        questions: Mapping[str, Question],
    ) -> None:
        self.problem: str | None = None
        """What the program did first that the case does not know, whatever it makes of that."""
        self.used: list[RecordedCall] = []
        """The calls that were made, in their order."""
        self._calls = calls
        self._left: dict[Key, deque[RecordedCall]] = {}
        for call in calls:
            key = (call.server, call.tool, canonical(call.arguments))
            self._left.setdefault(key, deque()).append(call)
        self._definitions = definitions
        self._modules = modules
        self._questions = questions

    @property
    def unused(self) -> Sequence[RecordedCall]:
        """The calls that were recorded, and were not made."""
        return [call for left in self._left.values() for call in left]

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Answer as the tool did. Raises ``ToolError``: what it raised, or that nothing was recorded."""
        try:
            definition = await self._definitions.find(server, tool)
            ArgumentValidator(definition).validate(arguments)
        except UnderpassError as error:
            self._note(error.message)
            if isinstance(error, ToolError):
                raise
            raise ToolNotFound(error.message, hint=error.hint, server=server, tool=tool) from error
        left = self._left.get((server, tool, canonical(arguments)))
        if not left or len(self.used) >= _MOST_CALLS:
            problem = self._not_recorded(server, tool, arguments, known=left is not None)
            self._note(problem)
            raise ToolError(problem, hint="no tool is called for a recorded case", server=server, tool=tool)
        call = left.popleft()
        self.used.append(call)
        if call.error is not None:
            raise _error(call)
        return call.value

    async def ask(self, what: str, arguments: Mapping[str, Any]) -> Any:
        """Answer what does not depend on anything outside; anything else is a failure."""
        if (answer := self._questions.get(what)) is None:
            problem = f"it asked for {what[:_SHOWN]}, and a recorded case has no answer to that"
            self._note(problem)
            raise ValidationFailed(problem, hint="leave it to the program that calls the skill")
        return await answer(arguments)

    async def module(self, name: str, magic: str) -> Any:
        """Return a generated module as it is now."""
        try:
            return await self._modules.module(name, magic)
        except UnderpassError as error:
            self._note(error.message)
            raise

    async def progress(self, value: float, total: float | None, message: str | None) -> None:
        """Nobody wants to know."""

    def use(self, use: Use) -> None:
        """No use of a skill is counted."""

    def settle(self) -> None:
        """Nothing is recorded."""

    def _note(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem

    def _not_recorded(self, server: str, tool: str, arguments: Mapping[str, Any], *, known: bool) -> str:
        text = json.dumps(arguments, ensure_ascii=False)
        shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
        made = f"it called {server[:_SHOWN]}.{tool[:_SHOWN]}({shown})"
        if known:
            return f"{made} once more than was recorded"
        others = [call for call in self._calls if (call.server, call.tool) == (server, tool)]
        if not others:
            return f"{made}, and no call of that tool was recorded"
        where = difference(dict(others[0].arguments), dict(arguments))
        return f"{made}, which was not recorded; in the first that was, {where}"


def canonical(value: Any) -> str:
    """Return a text that is the same for equal JSON values; 1 and 1.0 are equal."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in cast("Collection[Any]", value)]
    return value


def _error(call: RecordedCall) -> ToolError:
    recorded = call.error or {}
    kind = getattr(errors, str(recorded.get("type", "")), None)
    family = kind if isinstance(kind, type) and issubclass(kind, ToolError) else ToolError
    return family(str(recorded.get("message", "")), server=call.server, tool=call.tool)
