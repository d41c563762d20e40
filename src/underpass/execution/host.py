"""Answers what one run's guest asks for: tools, modules, discovery."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from underpass.broker import RunCalls
from underpass.errors import (
    ToolError,
    ToolNotFound,
    ToolTimeout,
    ToolUnavailable,
    ValidationFailed,
    did_you_mean,
)
from underpass.execution.frames import Use
from underpass.skills.loading.uses import UsesOfRun

OnProgress = Callable[[float, float | None, str | None], Awaitable[None]]
"""Called with how far a program or tool is, of how much (if known), and what it says."""

CallOutcome = Callable[[bool | None], None]
"""Is told whether a call went well; None: nobody knows whether it has happened."""

OnCall = Callable[[str, str, Mapping[str, Any]], CallOutcome]
"""Is told of each call, by server, tool and arguments, before it is made. It must be fast, and not raise."""

_LONGEST_NAME = 1_000
"""Characters: names stand in the record of a run, which nothing else bounds."""

Question = Callable[[Mapping[str, Any]], Awaitable[Any]]


class ModuleSource(Protocol):
    """Where generated modules come from."""

    async def module(self, name: str, magic: str) -> Any:
        """Return what a guest needs to load one. Raises ``UnderpassError``."""
        ...


class RunHost:
    """The host's side of one run.

    Parameters:
        calls: the run's way through the broker.
        modules: generated modules.
        questions: answers to ``mcp_runtime``'s other functions, by name.
        on_progress: told of the progress of the program and of its tools.
        on_call: told of each call.
        uses: told of calls of skills.
    """

    def __init__(
        self,
        calls: RunCalls,
        modules: ModuleSource,
        questions: Mapping[str, Question],
        on_progress: OnProgress | None = None,
        on_call: OnCall | None = None,
        *,
        uses: UsesOfRun | None = None,
    ) -> None:
        self._calls = calls
        self._modules = modules
        self._questions = questions
        self._on_progress = on_progress
        self._on_call = on_call
        self._uses = uses

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Call a tool through the broker. Raises ``ToolError``."""
        if max(len(server), len(tool)) > _LONGEST_NAME:
            raise ToolNotFound("no server or tool has so long a name", hint="see search_tools()")
        if self._on_call is None:
            return await self._calls.value(server, tool, arguments, progress=self._on_progress)
        ended = self._on_call(server, tool, arguments)
        try:
            value = await self._calls.value(server, tool, arguments, progress=self._on_progress)
        except ToolError as error:
            ended(None if isinstance(error, ToolTimeout | ToolUnavailable) else False)
            raise
        ended(True)
        return value

    async def ask(self, what: str, arguments: Mapping[str, Any]) -> Any:
        """Answer one of ``mcp_runtime``'s functions. Raises ``UnderpassError``."""
        if (answer := self._questions.get(what)) is None:
            raise ValidationFailed(
                f"the host has no answer to {what!r}", hint=f"{did_you_mean(what, self._questions)}"
            )
        try:
            return await answer(arguments)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ToolError(f"{what}: the arguments do not fit: {error}") from error

    async def module(self, name: str, magic: str) -> Any:
        """Return a generated module. Raises ``UnderpassError``."""
        return await self._modules.module(name, magic)

    async def progress(self, value: float, total: float | None, message: str | None) -> None:
        """Pass on how far the program says it is."""
        if self._on_progress is not None:
            await self._on_progress(value, total, message)

    def use(self, use: Use) -> None:
        """Take down calls of a skill."""
        if self._uses is not None:
            self._uses.note(use.key, use.under_way, use.ok, use.failed, use.milliseconds)

    def settle(self) -> None:
        """Record the calls whose values are on their way."""
        self._calls.settle()
