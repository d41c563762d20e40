"""Which rules can decide about a tool: worked out once, so that a call only looks at its arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from underpass.broker.policy.book import RuleBook, RuleInForce
from underpass.broker.policy.decision import Decision
from underpass.broker.policy.default import counted_annotations, default_decision
from underpass.broker.policy.glob import Glob
from underpass.broker.policy.rule import Rule
from underpass.broker.policy.setting import allowing
from underpass.catalog import ToolDefinition
from underpass.config import PolicySettings

Categories = Callable[[ToolDefinition], Awaitable[str]]
"""Finds a tool's category."""

_MANY = 10_000
"""Plans that are kept; then they are made anew."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one rule, or the default, decides about one tool."""

    decision: Decision
    entry: RuleInForce | None = None
    """None for the default."""

    @property
    def rule(self) -> Rule | None:
        """The rule; None for the default."""
        return None if self.entry is None else self.entry.rule


@dataclass(frozen=True, slots=True)
class Plan:
    """The rulings that there can be about one tool called by one agent, in their order."""

    tool: ToolDefinition
    rules: Sequence[RuleInForce]
    rulings: tuple[Ruling, ...]
    """All but the last depend on the arguments."""

    def ruling(self, arguments: Mapping[str, Any]) -> Ruling:
        """Return the first that fits."""
        for ruling in self.rulings[:-1]:
            if ruling.entry is not None and ruling.entry.rule.fits_arguments(arguments):
                return ruling
        return self.rulings[-1]


class Rulings:
    """Makes and keeps plans.

    Parameters:
        categories: asked only where a rule is about categories.
    """

    def __init__(self, settings: PolicySettings, book: RuleBook, categories: Categories) -> None:
        self._settings = settings
        self._trusted = frozenset(settings.trusted)
        self._book = book
        self._categories = categories
        self._plans: dict[tuple[str, str, str], Plan] = {}

    def known(self, tool: ToolDefinition, agent: str) -> Plan | None:
        """Return the plan for a tool, if it has been made and nothing has changed since."""
        plan = self._plans.get((tool.server, tool.name, agent))
        return plan if plan is not None and plan.tool is tool and plan.rules is self._book.rules else None

    async def plan(self, tool: ToolDefinition, agent: str, *, request: bool) -> Plan:
        """Make the plan for a tool.

        Parameters:
            request: whether it is no tool but a request for resources or prompts.

        Raises:
            UnderpassError: its category cannot be told.
        """
        rules = self._book.rules
        trusted = tool.server in self._trusted
        counts = counted_annotations(tool, trusted=trusted, request=request)
        category: str | None = None
        rulings: list[Ruling] = []
        for number, entry in enumerate(rules, 1):
            rule = entry.rule
            if not (
                _fits(rule.server, tool.server) and _fits(rule.tool, tool.name) and _fits(rule.agent, agent)
            ):
                continue
            if rule.annotation and counts.isdisjoint(rule.annotation):
                continue
            if rule.category:
                # A server's own words make its category: they must not open a door by themselves.
                if rule.decision == "allow" and not trusted:
                    continue
                if category is None:
                    category = await self._categories(tool)
                if not _fits(rule.category, category):
                    continue
            rulings.append(Ruling(_decision(number, entry, tool, agent), entry))
            if not rule.arguments:
                break
        else:
            default = default_decision(counts, self._settings)
            rulings.append(Ruling(replace(default, setting=_setting(default, tool, agent, None))))
        if len(self._plans) >= _MANY:
            self._plans.clear()
        plan = self._plans[tool.server, tool.name, agent] = Plan(tool, rules, tuple(rulings))
        return plan


def _fits(globs: Sequence[Glob], text: str) -> bool:
    return not globs or any(glob.matches(text) for glob in globs)


def _decision(number: int, entry: RuleInForce, tool: ToolDefinition, agent: str) -> Decision:
    verbs = {"allow": "allows", "ask": "asks about", "deny": "denies"}
    rule = entry.rule
    reason = rule.reason or f"rule {number} of underpass.toml {verbs[rule.decision]} it"
    decision = Decision(rule.decision, f"rule {number}", reason, before=entry.id)
    return replace(decision, setting=_setting(decision, tool, agent, rule))


def _setting(decision: Decision, tool: ToolDefinition, agent: str, rule: Rule | None) -> str:
    return "" if decision.effect == "allow" else allowing(tool, agent, rule)
