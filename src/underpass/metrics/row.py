"""What is recorded of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from underpass.broker.journal.record import RunRecord
    from underpass.execution.result import Duration, RunResult, Tokens, ToolCall

CODE_DIGITS: Final = 16
"""Of the SHA-256 of a program: enough to tell a few million of them apart."""
LONGEST_OUTCOME: Final = 80
"""Characters: a program can raise an exception of any name."""


@dataclass(slots=True)
class ToolUse:
    """The calls of one tool in one run."""

    calls: int = 0
    failed: int = 0
    cached: int = 0
    milliseconds: float = 0.0
    bytes_out: int = 0
    results: int = 0
    """Tokens of its results, 25,000 of each at most."""


class Ended(NamedTuple):
    """How a run has ended: what its figures are made of, and not its value, which may be large."""

    record: RunRecord
    outcome: str
    """``ok``, or the type of its error."""
    sandbox: str = ""
    cached: bool = False
    duration: Duration | None = None
    tokens: Tokens | None = None
    calls: tuple[ToolCall, ...] = ()

    @classmethod
    def of(cls, record: RunRecord, cause: str, result: RunResult | None) -> Ended:
        """Return how a run has ended, where it has a result by that."""
        if result is None:
            return cls(record, cause)
        outcome = "ok" if result.error is None else result.error.type
        cached, calls = result.cached, result.tool_calls
        return cls(record, outcome, result.sandbox, cached, result.duration, result.tokens, calls)


@dataclass(slots=True)
class RunRow:
    """A run that has ended."""

    run: str
    begun: float
    """Seconds since 1970."""
    agent: str
    language: str
    outcome: str
    code: str
    code_lines: int
    sandbox: str = ""
    cached: bool = False
    total_ms: float = 0.0
    queue_ms: float = 0.0
    start_ms: float = 0.0
    run_ms: float = 0.0
    calls_tokens: int = 0
    code_tokens: int = 0
    answer_tokens: int = 0
    tokenizer: str = ""
    tools: Mapping[tuple[str, str], ToolUse] = field(default_factory=dict[tuple[str, str], ToolUse])
    definitions_direct: int = 0
    """Tokens of the definitions that direct calls would need; 0 but for the first run of a conversation."""
    definitions_code: int = 0
    begins: bool = False
    """Whether it is the first run of a conversation."""

    @property
    def results(self) -> int:
        """Tokens of all results."""
        return sum(use.results for use in self.tools.values())

    def token_kinds(self) -> dict[str, int]:
        """The tokens by kind. What a run has called that failed was of no use: nothing is credited for it."""
        credited = self.outcome == "ok"
        return {
            "definitions_direct": self.definitions_direct,
            "calls": self.calls_tokens if credited else 0,
            "results": self.results if credited else 0,
            "definitions_code": self.definitions_code,
            "code": self.code_tokens,
            "answers": self.answer_tokens,
        }

    @classmethod
    def of(cls, ended: Ended) -> RunRow:
        """Return what is recorded of a run."""
        record, duration, tokens = ended.record, ended.duration, ended.tokens
        lines = sum(bool(line.strip()) for line in record.code.splitlines())
        digest = hashlib.sha256(record.code.encode()).hexdigest()[:CODE_DIGITS]
        outcome = ended.outcome[:LONGEST_OUTCOME]
        row = cls(record.run, record.begun, record.agent, record.language, outcome, digest, lines)
        row.sandbox, row.cached = ended.sandbox, ended.cached
        if duration is not None:
            row.total_ms, row.queue_ms = duration.total, duration.queue
            row.start_ms, row.run_ms = duration.start, duration.run
        if tokens is not None:
            row.calls_tokens, row.code_tokens = tokens.calls, tokens.code
            row.answer_tokens, row.tokenizer = tokens.context - tokens.code, tokens.tokenizer
            row.tools = _uses(ended.calls, tokens)
        return row


def _uses(calls: Iterable[ToolCall], tokens: Tokens) -> dict[tuple[str, str], ToolUse]:
    uses: dict[tuple[str, str], ToolUse] = {}
    for call in calls:
        if (use := uses.get((call.server, call.tool))) is None:
            use = uses[call.server, call.tool] = ToolUse()
        use.calls += 1
        use.failed += not call.ok
        use.cached += call.cached
        use.milliseconds += call.duration_ms
        use.bytes_out += call.bytes_out
    for server, tool, count in tokens.results:
        if (use := uses.get((server, tool))) is not None:
            use.results = count
    return uses
