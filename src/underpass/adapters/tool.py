"""Underpass as a plain tool: a name, a description, a schema, and something to call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypedDict

import jsonschema_rs

from underpass.adapters.reading import error_text
from underpass.adapters.threads import FromThreads
from underpass.broker.approvals import Ask
from underpass.errors import ConfigError, SandboxUnavailable, UnderpassError
from underpass.execution.host import OnProgress
from underpass.execution.result import RunResult

_NAME: Final = 200
"""Characters of an unknown parameter's name that are said back to a model."""


class RunOptions(TypedDict, total=False):
    """What holds for every program of a tool: as the parameters of ``Underpass.run``.

    None of it is a model's to choose.
    """

    agent: str
    session: str | None
    timeout: float | None
    max_tokens: int | None
    environment: str | None
    check: bool | None
    on_progress: OnProgress | None
    ask: Ask | None


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What one call of a tool came to."""

    text: str
    """What the model is to read: the run's bounded result, or what went wrong."""
    ok: bool
    result: RunResult | None = None
    """The run, where there was one."""


Work = Callable[[Mapping[str, Any], "OnProgress | None"], Awaitable[ToolAnswer]]
"""Does what a tool is for."""


@dataclass(frozen=True, slots=True)
class UnderpassTool:
    """A tool for a model. Call it with keyword arguments: ``await tool(code="1 + 1")``."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """The JSON schema of the arguments."""
    work: Work
    threads: FromThreads

    async def __call__(self, **arguments: Any) -> str:
        """Return what the model is to read, whether the call went well or not.

        Raises:
            SandboxUnavailable, ConfigError: nothing can run here, whatever the model does.
        """
        return (await self.answer(arguments)).text

    async def answer(
        self, arguments: Mapping[str, Any], *, on_progress: OnProgress | None = None
    ) -> ToolAnswer:
        """Call the tool, and say whether that went well.

        Parameters:
            arguments: what the model gave; they are checked.
            on_progress: awaited with the progress of a program, instead of the tool's own.

        Raises:
            SandboxUnavailable, ConfigError: nothing can run here, whatever the model does.
        """
        if problem := _problem(self.parameters, arguments):
            return ToolAnswer(f"{problem}\nsee the parameters of {self.name}", ok=False)
        try:
            return await self.work(arguments, on_progress)
        except (SandboxUnavailable, ConfigError):
            raise
        except UnderpassError as error:
            return ToolAnswer(error_text(error), ok=False)

    def call(self, **arguments: Any) -> str:
        """The same for code that waits, in a thread other than the event loop's."""
        return self.threads.run(self.__call__, **arguments)


def _problem(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
    error = next(jsonschema_rs.validator_for(dict(schema)).iter_errors(dict(arguments)), None)
    if error is not None:
        place = ".".join(map(str, error.instance_path))
        return f"{place}: {error.message}" if place else error.message
    known = schema.get("properties", {})
    unknown = next((name for name in arguments if name not in known), None)
    return (
        None if unknown is None else f"unknown parameter {unknown[:_NAME]!r}; there are: {', '.join(known)}"
    )
