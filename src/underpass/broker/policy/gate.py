"""The gate that every call goes through: the rules, what the run has read, and a person where need be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from underpass.broker.call import Call, Outcome, Trail
from underpass.broker.policy.book import RuleBook, RuleInForce
from underpass.broker.policy.decision import SEVERITY, Decision
from underpass.broker.policy.limits import Excess, RunBudget
from underpass.broker.policy.ruling import Categories, Ruling, Rulings
from underpass.broker.policy.setting import allowing
from underpass.config import PolicySettings
from underpass.errors import PermissionDenied, ToolLimitExceeded

if TYPE_CHECKING:
    from underpass.broker.approvals import Approvals, Asker


class RunFlow(Protocol):
    """What one run has read, and whether a call would carry it away."""

    async def check(self, call: Call) -> Decision | None:
        """Return what speaks against a call; None where nothing does."""
        ...

    def returned(self, server: str, tool: str, value: Any, encoded: bytes) -> None:
        """Learn what the code is about to see."""
        ...

    async def close(self) -> None:
        """Learn that the run is over, and everything that it leaves is in its place."""
        ...


class Flows(Protocol):
    """Follows the data of each run."""

    def open_run(self, run: str, agent: str, session: object | None = None) -> RunFlow | None:
        """Begin to follow a run; None for a call from outside of any run."""
        ...


@dataclass(frozen=True, slots=True)
class OperatorPolicy:
    """Opens the gate of each run.

    Parameters:
        rulings: what the rules and the default say.
        approvals: asks people; None where nobody is ever asked.
        flows: follows data; None where nobody does.
        trail: is told every decision.
    """

    rulings: Rulings
    approvals: Approvals | None = None
    flows: Flows | None = None
    trail: Trail | None = None

    @classmethod
    def of(
        cls,
        settings: PolicySettings,
        book: RuleBook,
        *,
        categories: Categories,
        approvals: Approvals | None = None,
        flows: Flows | None = None,
        trail: Trail | None = None,
    ) -> OperatorPolicy:
        """Make it of the settings and the rules in force."""
        return cls(Rulings(settings, book, categories), approvals, flows, trail)

    def open_run(
        self, run: str, agent: str, asker: Asker | None = None, session: object | None = None
    ) -> RunGate:
        """Return the gate for the calls of one run."""
        flow = None if self.flows is None else self.flows.open_run(run, agent, session)
        return RunGate(self, agent, asker, flow)


class RunGate:
    """Decides about the calls of one run. Safe for any number of concurrent calls."""

    def __init__(self, policy: OperatorPolicy, agent: str, asker: Asker | None, flow: RunFlow | None) -> None:
        self._policy = policy
        self._rulings = policy.rulings
        self._trail = policy.trail
        self._agent = agent
        self._asker = asker
        self._flow = flow
        self._budgets: dict[RuleInForce, RunBudget] = {}

    async def admit(self, call: Call) -> Callable[[int], None] | None:
        """Return when the call may be made.

        Returns:
            What is to be told how many bytes came back; None where nobody counts them.

        Raises:
            PermissionDenied: the call may not be made (``rule``).
            ToolLimitExceeded: a rule has let through what it may.
        """
        plan = self._rulings.known(call.tool, self._agent)
        if plan is None:
            plan = await self._rulings.plan(call.tool, self._agent, request=not call.digest)
        ruling = plan.ruling(call.arguments)
        decision = ruling.decision if self._flow is None else await self._with_flow(self._flow, call, ruling)
        if decision.effect == "deny":
            raise self._refused(call, decision, "refused")
        # Before anyone is asked: a program must not ask more often than it may call.
        budget = self._counted(call, ruling)
        if decision.effect == "ask":
            await self._ask(call, decision)
        if self._trail is not None:
            self._trail.decided(call, decision, "allowed")
        return None if budget is None else budget.returned

    def returned(self, server: str, tool: str, value: Any, encoded: bytes) -> None:
        """Learn what the code is about to see."""
        if self._flow is not None:
            self._flow.returned(server, tool, value, encoded)

    async def close(self) -> None:
        """Learn that the run is over, and everything that it leaves is in its place."""
        if self._flow is not None:
            await self._flow.close()

    async def _with_flow(self, flow: RunFlow, call: Call, ruling: Ruling) -> Decision:
        decision, rule = ruling.decision, ruling.rule
        if rule is not None and rule.flow:
            return decision
        finding = await flow.check(call)
        if finding is None or SEVERITY[finding.effect] < SEVERITY[decision.effect]:
            return decision
        # What allows it has to stand before the rule that would be the first to fit.
        setting = allowing(call.tool, self._agent, rule, flow=True)
        return replace(finding, setting=setting, before=decision.before)

    def _counted(self, call: Call, ruling: Ruling) -> RunBudget | None:
        entry = ruling.entry
        if entry is None or not entry.rule.is_limited:
            return None
        budget = self._budgets.get(entry)
        if budget is None:
            budget = self._budgets[entry] = RunBudget(entry.rule)
        # What a limit refuses must not use up another.
        excess = budget.excess(len(call.encoded))
        if excess is None and entry.rate is not None:
            excess = entry.rate.take(self._agent)
        if excess is not None:
            raise self._exceeded(call, ruling.decision, excess)
        budget.take(len(call.encoded))
        return budget

    def _exceeded(self, call: Call, decision: Decision, excess: Excess) -> ToolLimitExceeded:
        what = f"{decision.rule} {excess.what}"
        self._note(call, replace(decision, effect="deny", reason=what), "refused")
        wait = {} if excess.retry_after is None else {"retry_after": excess.retry_after}
        advice = "do with less" if excess.retry_after is None else f"wait {excess.retry_after:g} seconds"
        return ToolLimitExceeded(
            f"{call.tool.server}.{call.tool.name}: {what}",
            hint=f"{advice}, or raise {excess.limit} of {decision.rule} in underpass.toml",
            server=call.tool.server,
            tool=call.tool.name,
            rule=decision.rule,
            limit=excess.limit,
            value=excess.value,
            setting=f"policy.rules.{excess.limit}",
            **wait,
        )

    async def _ask(self, call: Call, decision: Decision) -> None:
        approvals = self._policy.approvals
        try:
            answer = None if approvals is None else await approvals.ask(call, decision, self._asker)
        except PermissionDenied:
            self._note(call, decision, "unanswered")
            raise
        if not answer:
            raise self._refused(call, decision, "unanswered" if answer is None else "refused")

    def _refused(self, call: Call, decision: Decision, outcome: Outcome) -> PermissionDenied:
        self._note(call, decision, outcome)
        name = f"{call.tool.server}.{call.tool.name}"
        if decision.effect == "deny":
            message = f"{name} is denied: {decision.reason}"
        elif outcome == "refused":
            message = f"a person refused {name}: {decision.reason}"
        else:
            message = f"{name} needs a person's permission, and nobody could be asked: {decision.reason}"
        return PermissionDenied(
            message,
            hint=_hint(decision),
            server=call.tool.server,
            tool=call.tool.name,
            rule=decision.rule,
        )

    def _note(self, call: Call, decision: Decision, outcome: Outcome) -> None:
        if self._trail is not None:
            self._trail.decided(call, decision, outcome)


def _hint(decision: Decision) -> str:
    if not decision.setting:
        return "a person can write a rule into underpass.toml that allows it"
    place = f", above {decision.rule}" if decision.rule.startswith("rule ") else ""
    return f"a person can allow it in underpass.toml{place}:\n{decision.setting}"
