"""What an agent does that calls tools itself: made for real once, and counted in several arms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from underpass.bench.conversation import value_text
from underpass.bench.task import ScriptedCall, Task

Call = Callable[[str, str, Mapping[str, Any]], Awaitable[Any]]
"""Calls a tool by server, tool and arguments."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call, and what the model reads of it."""

    call: ScriptedCall
    text: str


@dataclass(frozen=True, slots=True)
class Trajectory:
    """All turns with calls, and the answer after them."""

    turns: tuple[tuple[Exchange, ...], ...]
    answer: Any

    @property
    def tools(self) -> tuple[tuple[str, str], ...]:
        """The tools that were called, by server and name, each once."""
        called = (exchange.call for turn in self.turns for exchange in turn)
        return tuple(dict.fromkeys((call.server, call.tool) for call in called))


async def record(task: Task, call: Call) -> Trajectory:
    """Carry a task out by direct calls.

    Raises:
        ToolError: a call failed.
    """
    turns: list[tuple[Exchange, ...]] = []

    async def turn(*calls: ScriptedCall) -> list[Any]:
        values = [await call(each.server, each.tool, each.arguments) for each in calls]
        turns.append(
            tuple(Exchange(each, value_text(value)) for each, value in zip(calls, values, strict=True))
        )
        return values

    answer = await task.direct(turn)
    return Trajectory(tuple(turns), answer)
