"""The figures of runs, as reports, the command line and the HTTP service show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Final

COUNTERFACTUAL: Final = (
    "an agent that makes the same calls itself: each call's name and arguments and the text of its result"
    " once, at most 25,000 tokens of each, and the definitions of all known tools once for each"
    " conversation; what a run has called that failed counts nothing"
)
"""What figures compare with. It leaves out what an agent reads again at each turn, so that it is cautious."""


@dataclass(frozen=True, slots=True)
class TokenFigures:
    """Tokens by what they are for. ``direct - spent`` is ``saved``, and each is the sum of its parts."""

    definitions_direct: int = 0
    """Definitions of the tools, as direct calls need them."""
    calls: int = 0
    """Names and arguments of calls, as a model would write them."""
    results: int = 0
    """What results would have put into the context."""
    definitions_code: int = 0
    """Definitions of what runs programs and finds tools."""
    prompts: int = 0
    """What was read about tools: answers of searches, and documentation."""
    code: int = 0
    """Programs."""
    answers: int = 0
    """What returned to the model: values, printed output, errors."""

    @property
    def direct(self) -> int:
        """What direct calls would have put through the context."""
        return self.definitions_direct + self.calls + self.results

    @property
    def spent(self) -> int:
        """What programs put through it."""
        return self.definitions_code + self.prompts + self.code + self.answers

    @property
    def saved(self) -> int:
        """``direct - spent``; negative where programs were the dearer way."""
        return self.direct - self.spent

    @property
    def reduction(self) -> float | None:
        """``saved`` as a share of ``direct``; None where nothing is to be compared with."""
        return self.saved / self.direct if self.direct else None

    @property
    def definitions_avoided(self) -> int:
        """Definitions that need not be in the context."""
        return self.definitions_direct - self.definitions_code

    @property
    def results_kept_out(self) -> int:
        """Of the results, what no answer showed; negative where answers were longer."""
        return self.results - self.answers

    def __add__(self, other: TokenFigures) -> TokenFigures:
        sums = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return TokenFigures(**sums)

    def to_dict(self) -> dict[str, Any]:
        """The parts and their sums as a JSON object."""
        return {
            "direct": self.direct,
            "spent": self.spent,
            "saved": self.saved,
            "reduction": None if self.reduction is None else round(self.reduction, 4),
            "definitions_avoided": self.definitions_avoided,
            "results_kept_out": self.results_kept_out,
            **{each.name: getattr(self, each.name) for each in fields(self)},
        }


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of runs, from the request to the answer; None where there were none."""

    p50: float | None = None
    p95: float | None = None
    mean: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """The times as a JSON object, rounded to a microsecond."""
        return {name: _rounded(getattr(self, name)) for name in ("p50", "p95", "mean")}


@dataclass(frozen=True, slots=True)
class Summary:
    """All runs of a time together."""

    since: datetime | None
    runs: int = 0
    failed: int = 0
    cached: int = 0
    """Runs of which the result was that of an equal run before."""
    losses: int = 0
    """Runs that cost more tokens than direct calls would have."""
    calls: int = 0
    failed_calls: int = 0
    code_lines: int = 0
    conversations: int = 0
    """Stretches of runs of one agent without a pause of half an hour."""
    times: Times = field(default_factory=Times)
    tokens: TokenFigures = field(default_factory=TokenFigures)
    languages: Mapping[str, int] = field(default_factory=dict[str, int])
    """Runs of each."""
    outcomes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Runs by ``ok`` or the type of their error."""
    tokenizer: str = ""

    @property
    def success_rate(self) -> float | None:
        """The share of runs that came to a value."""
        return 1 - self.failed / self.runs if self.runs else None

    def to_dict(self) -> dict[str, Any]:
        """The figures as a JSON object; ``counterfactual`` says what the tokens are compared with."""
        return {
            "since": _written(self.since),
            "runs": self.runs,
            "failed": self.failed,
            "success_rate": None if self.success_rate is None else round(self.success_rate, 4),
            "cached": self.cached,
            "losses": self.losses,
            "calls": self.calls,
            "failed_calls": self.failed_calls,
            "code_lines": self.code_lines,
            "conversations": self.conversations,
            "duration_ms": self.times.to_dict(),
            "tokens": self.tokens.to_dict(),
            "languages": dict(self.languages),
            "outcomes": dict(self.outcomes),
            "tokenizer": self.tokenizer,
            "counterfactual": COUNTERFACTUAL,
        }


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The runs of one day, in UTC."""

    day: date
    runs: int
    failed: int
    calls: int
    times: Times
    tokens: TokenFigures

    def to_dict(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {
            "day": self.day.isoformat(),
            "runs": self.runs,
            "failed": self.failed,
            "calls": self.calls,
            "duration_ms": self.times.to_dict(),
            "tokens": self.tokens.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class AgentFigures:
    """The runs of one agent."""

    agent: str
    runs: int
    failed: int
    calls: int
    last: datetime
    """When its last run began."""
    tokens: TokenFigures

    def to_dict(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {
            "agent": self.agent,
            "runs": self.runs,
            "failed": self.failed,
            "calls": self.calls,
            "last": _written(self.last),
            "tokens": self.tokens.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class ToolFigures:
    """The calls of one tool."""

    server: str
    tool: str
    runs: int
    """Runs that called it."""
    calls: int
    failed: int
    cached: int
    """Calls that an earlier one answered."""
    mean_ms: float
    results: int
    """Tokens of its results."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {
            "server": self.server,
            "tool": self.tool,
            "runs": self.runs,
            "calls": self.calls,
            "failed": self.failed,
            "cached": self.cached,
            "mean_ms": round(self.mean_ms, 3),
            "results": self.results,
        }


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """The calls of one server's tools, and what their definitions take."""

    server: str
    runs: int
    calls: int
    failed: int
    cached: int
    mean_ms: float
    results: int
    tools: int | None = None
    """How many tools it has; None where nobody has counted them."""
    definitions: int | None = None
    """Tokens of their definitions."""

    def to_dict(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {
            "server": self.server,
            "tools": self.tools,
            "definitions": self.definitions,
            "runs": self.runs,
            "calls": self.calls,
            "failed": self.failed,
            "cached": self.cached,
            "mean_ms": round(self.mean_ms, 3),
            "results": self.results,
        }


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One run."""

    run: str
    begun: datetime
    agent: str
    language: str
    sandbox: str
    outcome: str
    """``ok``, or the type of its error."""
    cached: bool
    calls: int
    failed_calls: int
    code_lines: int
    code: str
    """The beginning of the SHA-256 of the program: runs of one program have it in common."""
    total_ms: float
    queue_ms: float
    start_ms: float
    run_ms: float
    tokens: TokenFigures

    def to_dict(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {
            "run": self.run,
            "begun": _written(self.begun),
            "agent": self.agent,
            "language": self.language,
            "sandbox": self.sandbox,
            "outcome": self.outcome,
            "cached": self.cached,
            "calls": self.calls,
            "failed_calls": self.failed_calls,
            "code_lines": self.code_lines,
            "code": self.code,
            "duration_ms": {
                "total": round(self.total_ms, 3),
                "queue": round(self.queue_ms, 3),
                "start": round(self.start_ms, 3),
                "run": round(self.run_ms, 3),
            },
            "tokens": self.tokens.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Some runs, the youngest first."""

    runs: tuple[RunFigures, ...]
    before: int | None = None
    """What ``Statistics.runs`` is to be given for the next page; None where there is none."""

    def to_dict(self) -> dict[str, Any]:
        """The page as a JSON object."""
        return {"runs": [run.to_dict() for run in self.runs], "before": self.before}


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """Runs with about as many calls, by both ways."""

    calls: str
    """How many calls: ``1``, ``2-5`` …"""
    runs: int
    cheaper: int
    """Runs that were cheaper as programs."""
    tokens: TokenFigures

    def to_dict(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return {
            "calls": self.calls,
            "runs": self.runs,
            "cheaper": self.cheaper,
            "tokens": self.tokens.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Direct calls against programs, for the runs that came to a value and made calls.

    Definitions are left out: both ways carry theirs once for a conversation, whatever its runs do.
    """

    rows: tuple[ComparisonRow, ...]
    tokenizer: str

    @property
    def total(self) -> TokenFigures:
        """The tokens of all rows together."""
        return sum((row.tokens for row in self.rows), TokenFigures())

    def to_dict(self) -> dict[str, Any]:
        """The comparison as a JSON object."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "total": self.total.to_dict(),
            "tokenizer": self.tokenizer,
            "counterfactual": COUNTERFACTUAL,
        }


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something to do, and what it rests on."""

    kind: str
    subject: str
    """What it is about: a tool, a server, a program, an agent."""
    text: str
    figures: Mapping[str, Any]
    runs: tuple[str, ...] = ()
    """Some of the runs, the youngest first."""
    tokens: int = 0
    """How many tokens it is about; recommendations come in this order."""

    def to_dict(self) -> dict[str, Any]:
        """The recommendation as a JSON object."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "text": self.text,
            "figures": dict(self.figures),
            "runs": list(self.runs),
            "tokens": self.tokens,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")
