"""One call of a run, and what it goes through besides the checks that always hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from underpass.catalog import ToolDefinition
from underpass.execution.result import ToolCall

Value = tuple[Any, bytes]
"""What a call came back with, and the same as JSON."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that has passed every check and has not been sent."""

    run: str
    """The run's id; empty for a call from outside of any program."""
    agent: str
    tool: ToolDefinition
    digest: str
    """Of the tool's definition; empty for a request for resources or prompts."""
    arguments: Mapping[str, Any]
    """As the code gave them."""
    encoded: bytes
    """The arguments as JSON."""


class Gate(Protocol):
    """Decides about the calls of one run."""

    async def admit(self, call: Call) -> None:
        """Return when the call may be made. Raises ``ToolError``: it may not."""
        ...

    def returned(self, server: str, tool: str, value: Any, encoded: bytes) -> None:
        """Learn what the code is about to see, of a call that was made or is answered from the journal."""
        ...


class Policy(Protocol):
    """Opens the gate of each run."""

    def open_run(self, run: str, agent: str) -> Gate:
        """Return the gate for the calls of one run."""
        ...


class Privacy(Protocol):
    """Keeps personal data from the code, and so from the model."""

    def conceal(self, call: Call, value: Any) -> Any:
        """Return the value of a result as the code may see it."""
        ...

    def restore(self, call: Call) -> Mapping[str, Any]:
        """Return the arguments as the tool needs them."""
        ...


class CallCache(Protocol):
    """Answers calls that need not be made again."""

    async def answer(self, call: Call, make: Callable[[], Awaitable[Value]]) -> Value:
        """Return what the call came back with before, or make it."""
        ...


class Trail(Protocol):
    """Is told of every call."""

    def called(self, run: str, agent: str, call: ToolCall) -> None:
        """Note that a call has ended, however it did."""
        ...


@dataclass(frozen=True, slots=True)
class Stages:
    """What every call goes through; None where there is nothing of the kind."""

    policy: Policy | None = None
    privacy: Privacy | None = None
    cache: CallCache | None = None
    trail: Trail | None = None
