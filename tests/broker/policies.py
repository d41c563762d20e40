"""Brokers with a policy, for tests: one upstream of tools that echo, and a trail that only remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from underpass.broker import Broker, InMemoryCatalog, RunCalls
from underpass.broker.approvals import Approvals
from underpass.broker.approvals.question import PreparedAnswers
from underpass.broker.call import Call, Outcome, Reached, Stages
from underpass.broker.journal.record import CallRecord, RunRecord
from underpass.broker.policy.book import RuleBook
from underpass.broker.policy.decision import Decision
from underpass.broker.policy.gate import Flows, OperatorPolicy
from underpass.catalog import InMemoryUpstream, ToolDefinition, ToolOutcome
from underpass.config import Settings, load_settings
from underpass.execution.result import ToolCall

TOOLS: Mapping[str, Mapping[str, Any]] = {
    "read": {"readOnlyHint": True, "openWorldHint": False},
    "write": {},
    "put": {"idempotentHint": True},
    "wipe": {"destructiveHint": True},
    "*": {"destructiveHint": True},
    "two_faced": {"readOnlyHint": True, "destructiveHint": True},
}
"""The tools of the server ``files``, by name, with their annotations."""


class RememberedTrail:
    """Keeps every decision."""

    def __init__(self) -> None:
        self.decisions: list[tuple[str, str, str, Outcome]] = []
        """Tool, effect, rule and outcome of each."""

    def began(self, run: RunRecord) -> None: ...

    def ended(self, run: RunRecord, cause: str) -> None: ...

    def decided(self, call: Call, decision: Decision | None, outcome: Outcome) -> None:
        assert decision is not None
        self.decisions.append((call.tool.name, decision.effect, decision.rule, outcome))

    def called(
        self, run: str, agent: str, call: ToolCall, reached: Reached, about: Call | CallRecord | None
    ) -> None: ...


def settings_of(folder: Path, text: str) -> Settings:
    """The settings that ``underpass.toml`` with this text gives."""
    (folder / "underpass.toml").write_text(text)
    return load_settings(folder, environ={})


class Governed:
    """A broker under the policy of ``underpass.toml`` with this text."""

    def __init__(
        self,
        folder: Path,
        text: str = "",
        *,
        clock: Callable[[], float] = lambda: 0.0,
        flows: Flows | None = None,
        category: str = "files",
    ) -> None:
        self.path = folder / "underpass.toml"
        settings = settings_of(folder, text)
        self.trail = RememberedTrail()
        self.categories_asked: list[str] = []
        book = RuleBook(settings.policy.rules, self.path, clock)

        async def categories(tool: ToolDefinition) -> str:
            self.categories_asked.append(tool.name)
            return category

        policy = OperatorPolicy.of(
            settings.policy,
            book,
            categories=categories,
            approvals=Approvals(folder / "approvals", settings.policy, remember=book.remember),
            flows=flows,
            trail=self.trail,
        )
        upstream = InMemoryUpstream("files")
        for name, hints in TOOLS.items():
            schema = {"type": "object", "additionalProperties": True}
            tool = ToolDefinition("files", name, input_schema=schema, annotations=hints)
            upstream.add(tool, _echo)
        stages = Stages(policy=policy, trail=self.trail)
        self.broker = Broker(InMemoryCatalog({"files": upstream}), count=len, stages=stages)

    def run(self, *answers: Any, agent: str = "default", run: str = "r1") -> RunCalls:
        """A run in which a person gives these answers; without any there is nobody to ask."""
        asker = PreparedAnswers(list(answers)) if answers else None
        return self.broker.open_run(run=run, agent=agent, asker=asker)


async def _echo(arguments: Mapping[str, Any]) -> ToolOutcome:
    return ToolOutcome(structured=dict(arguments), has_structured=True)
