"""A task of the comparison: what is asked, and how each kind of agent would do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["look-up", "chain", "data-heavy", "multi-server"]


@dataclass(frozen=True)
class ScriptedCall:
    """A tool call that an agent makes."""

    server: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Turn(Protocol):
    """One turn of an agent that calls tools itself: it asks for calls, and reads their whole results."""

    async def __call__(self, *calls: ScriptedCall) -> list[Any]:
        """Make the calls of one turn; returns their values, as a program would see them."""
        ...


@dataclass(frozen=True)
class Task:
    """A task, and the trajectories of those who carry it out.

    The programs are what a model would write: no shorter than one would, and no longer.

    Parameters:
        name: unique, in kebab case.
        kind: the class of the task.
        command: what the person asks.
        servers: the servers whose tools are called, by their names in ``bench.servers``.
        queries: what an agent searches for that has not seen the tools' definitions, one for each step.
        direct: what an agent does that calls tools itself; returns the answer.
        python: the program in Python, for Underpass.
        typescript: the program in TypeScript, for Underpass.
        code_mode: the program for FastMCP's CodeMode: ``await call_tool("SERVER_TOOL", {...})``, ``return``.
        expected: the answer.
    """

    name: str
    kind: Kind
    command: str
    servers: tuple[str, ...]
    queries: tuple[str, ...]
    direct: Callable[[Turn], Awaitable[Any]]
    python: str
    typescript: str
    code_mode: str
    expected: Any
