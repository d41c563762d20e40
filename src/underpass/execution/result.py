"""What a run gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call that left the sandbox, as the run's record shows it."""

    server: str
    tool: str
    duration_ms: float
    ok: bool
    bytes_in: int
    """Bytes of the arguments, as JSON."""
    bytes_out: int
    """Bytes of the result that entered the sandbox, as JSON."""
    error: str | None = None
    """The error's type, when the call failed."""
    cached: bool = False
    """Whether an earlier call's result answered it, so that the server was not asked."""

    def to_dict(self) -> dict[str, Any]:
        """The call as a JSON object; ``error`` and ``cached`` only when there is one and when it is."""
        shown: dict[str, Any] = {
            "server": self.server,
            "tool": self.tool,
            "duration_ms": round(self.duration_ms, 3),
            "ok": self.ok,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }
        if self.cached:
            shown["cached"] = True
        return shown if self.error is None else {**shown, "error": self.error}


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run has no value, in terms the author of the code can act on."""

    type: str
    """The error's name: the Python exception's, or one of ``underpass.errors``."""
    message: str
    hint: str
    traceback: str
    """The frames of the user's own code, with their line numbers; empty when none applies."""
    tool_calls_done: int
    """Calls that had finished, and whose effects have happened."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_dict(self) -> dict[str, Any]:
        """The error as the JSON object of a result."""
        return {
            "type": self.type,
            "message": self.message,
            "hint": self.hint,
            "traceback": self.traceback,
            "tool_calls_done": self.tool_calls_done,
        }


@dataclass(frozen=True, slots=True)
class Duration:
    """Where a run's time went, in milliseconds."""

    total: float
    queue: float
    """Waiting for a free sandbox."""
    start: float
    """From the lease of a sandbox to the first line of code."""
    run: float

    def to_dict(self) -> dict[str, float]:
        """The four figures, rounded to a microsecond."""
        return {
            "total": round(self.total, 3),
            "queue": round(self.queue, 3),
            "start": round(self.start, 3),
            "run": round(self.run, 3),
        }


@dataclass(frozen=True, slots=True)
class Tokens:
    """What this run put through a model's context, beside what direct tool calls would have.

    ``direct`` counts each call's name and arguments and the text of its result, once. ``saved`` is
    ``direct - context`` and is negative when code was the dearer way. Tool definitions are counted
    apart (``underpass demo`` shows them), because both ways pay for theirs once per conversation.
    """

    context: int
    """The program, and the answer that returns to the model."""
    direct: int
    tokenizer: str
    code: int = 0
    """Of ``context``: the program."""
    calls: int = 0
    """Of ``direct``: names and arguments of calls, at most 25,000 of each: clients cut what is longer."""
    results: Sequence[tuple[str, str, int]] = ()
    """Of ``direct``: results, by server and tool, at most 25,000 of each."""

    @property
    def saved(self) -> int:
        """``direct - context``."""
        return self.direct - self.context

    def to_dict(self) -> dict[str, Any]:
        """The counters as a JSON object."""
        return {
            "context": self.context,
            "direct": self.direct,
            "saved": self.saved,
            "tokenizer": self.tokenizer,
        }


@dataclass(frozen=True, slots=True)
class SessionOfRun:
    """What became of the session that a run was in."""

    name: str
    new: bool
    """Whether it began with this run: there were no variables of earlier ones."""
    lost: bool
    """Whether it ended with this run: its variables are gone."""

    def to_dict(self) -> dict[str, Any]:
        """The session as a JSON object."""
        return {"name": self.name, "new": self.new, "lost": self.lost}


@dataclass(frozen=True, slots=True)
class RunResult:
    """The answer of one run. ``to_dict()`` is what ``underpass run --json`` prints."""

    run: str
    """The run's id."""
    ok: bool
    value: Any
    """The last expression's value or the top-level ``return``'s: JSON, bounded; when ``truncated``
    its shape, with the ``handle`` of the file that holds the whole."""
    stdout: str
    stderr: str
    error: RunError | None
    tool_calls: tuple[ToolCall, ...]
    duration: Duration
    sandbox: str
    language: str
    tokens: Tokens
    truncated: bool = False
    handle: str | None = None
    """Where the whole value is: a path relative to the agent's workspace."""
    checked: bool | str = False
    """Whether types were checked before anything ran: False when that is switched off, and
    ``"skipped: why"`` when it was not possible."""
    session: SessionOfRun | None = None
    """The session, where the run was in one."""
    cached: bool = False
    """Whether nothing ran: an equal run gave this before, and its ``tool_calls`` were that run's."""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The same as ``tool_calls``."""
        return self.tool_calls

    def to_dict(self) -> dict[str, Any]:
        """The run as one JSON object; ``session`` and ``cached`` only where it was in one and is."""
        shown = {
            "run": self.run,
            "ok": self.ok,
            "value": self.value,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "error": None if self.error is None else self.error.to_dict(),
            "tool_calls": [call.to_dict() for call in self.tool_calls],
            "duration_ms": self.duration.to_dict(),
            "sandbox": self.sandbox,
            "language": self.language,
            "checked": self.checked,
            "tokens": self.tokens.to_dict(),
        }
        if self.cached:
            shown["cached"] = True
        return shown if self.session is None else {**shown, "session": self.session.to_dict()}
