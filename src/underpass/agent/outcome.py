"""What an agent gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from underpass.execution.result import RunResult

Mode = Literal["auto", "python", "typescript", "direct"]


@dataclass(frozen=True, slots=True)
class AgentTokens:
    """What went through the model's context, summed over all turns."""

    input: int = 0
    """What the model read; each turn reads all that came before."""
    cached_input: int = 0
    """Of these, what the provider had in its cache."""
    cache_written: int = 0
    """Of these, what it put there."""
    output: int = 0
    """What the model wrote, its reasoning included."""
    reasoning: int = 0
    """Of this, what it wrote for itself, where the provider says so."""
    counted_by: str = "provider"
    """``provider``, or the tokenizer where the provider says nothing."""

    def __add__(self, other: AgentTokens) -> AgentTokens:
        """Return the sum; it is counted by what ``other`` is counted by."""
        return AgentTokens(
            self.input + other.input,
            self.cached_input + other.cached_input,
            self.cache_written + other.cache_written,
            self.output + other.output,
            self.reasoning + other.reasoning,
            other.counted_by,
        )

    def to_dict(self) -> dict[str, Any]:
        """The counters as a JSON object."""
        return {
            "input": self.input,
            "cached_input": self.cached_input,
            "cache_written": self.cache_written,
            "output": self.output,
            "reasoning": self.reasoning,
            "counted_by": self.counted_by,
        }


@dataclass(frozen=True, slots=True)
class AgentRun:
    """One program of the model's, and what came of it."""

    code: str
    result: RunResult


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """The answer to one command."""

    ok: bool
    """Whether there is an answer; without one, ``answer`` says why."""
    answer: str
    mode: Mode
    """How it was found in the end: ``direct`` after a fallback."""
    why: str
    """Why this mode was taken."""
    runs: tuple[AgentRun, ...]
    turns: int
    """Requests to the model that were answered."""
    tokens: AgentTokens
    cost: float | None
    """US dollars; None where the model's price is not known."""
    calls: tuple[Mapping[str, Any], ...] = ()
    """Tools that the model called directly: server, tool, ok."""
    messages: tuple[Any, ...] = field(default=(), repr=False)
    """The whole conversation, as pydantic-ai's messages; after a fallback, both."""

    def to_dict(self) -> dict[str, Any]:
        """The outcome as one JSON object, without the messages."""
        return {
            "ok": self.ok,
            "answer": self.answer,
            "mode": self.mode,
            "why": self.why,
            "turns": self.turns,
            "runs": [{"code": run.code, **run.result.to_dict()} for run in self.runs],
            "calls": list(self.calls),
            "tokens": self.tokens.to_dict(),
            "cost": self.cost,
        }
