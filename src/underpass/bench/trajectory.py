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
    """The result as the server wrote it: most clients show a model that. Where its text says less than its
    structured content, that is what a model has to read."""
    value: str
    """The value alone, as Underpass's agent shows it."""


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


async def record(task: Task, call: Call, text: Call) -> Trajectory:
    """Carry a task out by direct calls.

    Parameters:
        task: the task.
        call: returns a result's value.
        text: returns the text of the same result.

    Raises:
        ToolError: a call failed.
    """
    turns: list[tuple[Exchange, ...]] = []

    async def turn(*calls: ScriptedCall) -> list[Any]:
        values = [await call(each.server, each.tool, each.arguments) for each in calls]
        texts = [await text(each.server, each.tool, each.arguments) for each in calls]
        turns.append(
            tuple(
                Exchange(each, max(shown, value_text(value), key=len), value_text(value))
                for each, shown, value in zip(calls, texts, values, strict=True)
            )
        )
        return values

    answer = await task.direct(turn)
    return Trajectory(tuple(turns), answer)
