"""What an agent tells while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from underpass.codegen.calls import Language
from underpass.execution.result import RunResult


@dataclass(frozen=True, slots=True)
class Wrote:
    """The model has written on."""

    text: str
    """A piece; what came before it in this turn was told before."""
    function: str = ""
    """The function whose arguments it belongs to; empty for what the model says."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The model is asked again after a while."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class RunBegan:
    """A program begins."""

    number: int
    """Of the command's programs, from 1."""
    code: str
    language: Language


@dataclass(frozen=True, slots=True)
class CallBegan:
    """A program, or the model itself, calls a tool."""

    server: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call came back."""

    server: str
    tool: str
    ok: bool | None
    """None: nobody knows whether it has happened."""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A program is over."""

    number: int
    result: RunResult


@dataclass(frozen=True, slots=True)
class FellBack:
    """From here on, the model calls the tools itself."""

    why: str


AgentEvent = Wrote | Waits | RunBegan | CallBegan | CallEnded | RunEnded | FellBack
OnEvent = Callable[[AgentEvent], None]
"""Is shown what happens, as it happens. It must be fast, and not raise."""


def ignore(_event: AgentEvent) -> None:
    """Show nothing."""
