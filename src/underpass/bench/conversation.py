"""Counts a conversation as a model's provider does: with each request, everything before it is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from underpass.execution.shape import compact
from underpass.metrics import tokens


@dataclass(frozen=True, slots=True)
class Spent:
    """What a task cost in one arm."""

    total: int
    """Tokens read and written, over all turns: what is paid for where nothing is cached."""
    context: int
    """Tokens of the conversation at its end: what has to fit into a model's window."""
    turns: int
    """Requests to the model."""
    correct: bool
    """Whether the answer was the expected one."""
    note: str = ""
    """What there is to say about it: how, or why it went wrong."""
    finding: int | None = None
    """Tokens of the definitions and of the first search, where Underpass serves."""
    seconds: float | None = None
    """What the program took there."""

    def to_dict(self) -> dict[str, Any]:
        """The same as a JSON object."""
        shown: dict[str, Any] = {
            "tokens": self.total,
            "context": self.context,
            "turns": self.turns,
            "correct": self.correct,
        }
        shown |= {"note": self.note} if self.note else {}
        shown |= {} if self.finding is None else {"finding": self.finding}
        return shown | ({} if self.seconds is None else {"seconds": round(self.seconds, 3)})


@dataclass(slots=True)
class Conversation:
    """A conversation so far. The few tokens by which providers wrap messages are left out, in every arm."""

    total: int = 0
    context: int = 0
    turns: int = 0
    _seen: list[str] = field(default_factory=list[str])

    def read(self, *texts: str) -> None:
        """Add what the model reads from its next turn on."""
        self.context += sum(map(tokens.count, texts))
        self._seen += texts

    def hold(self, *texts: str) -> None:
        """Begin the next turn with these texts alone, whatever was read before."""
        self.context = sum(map(tokens.count, texts))
        self._seen = list(texts)

    def write(self, *texts: str) -> None:
        """Add a turn: the model reads all there is, and writes these."""
        written = sum(map(tokens.count, texts))
        self.total += self.context + written
        self.context += written
        self.turns += 1

    def has_read(self, text: str) -> bool:
        """Whether the model has read a text."""
        return any(text in each for each in self._seen)

    def spent(self, *, correct: bool, note: str = "") -> Spent:
        """Return what it cost."""
        return Spent(self.total, self.context, self.turns, correct, note)


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """Return a call as a model writes it."""
    return compact({"name": name, "arguments": dict(arguments)})


def value_text(value: Any) -> str:
    """Return a value as a model reads it or answers with it: a text as it is, all else as compact JSON."""
    return value if isinstance(value, str) else compact(value)


def definition_text(name: str, description: str, schema: Any) -> str:
    """Return a tool's definition as a model reads it."""
    return compact({"name": name, "description": description, "inputSchema": schema})
