"""The rules in force. They only become more, when a person answers *always*."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from underpass.broker.policy.decision import Decision
from underpass.broker.policy.limits import Clock, RateLimit
from underpass.broker.policy.reading import read_rules
from underpass.broker.policy.remember import remember, rule_of
from underpass.broker.policy.rule import Rule


class RuleInForce:
    """A rule, and what it has let through in all runs."""

    __slots__ = ("id", "rate", "rule")

    def __init__(self, rule: Rule, clock: Clock, number: int) -> None:
        self.id = number
        """Stays the same when its place in the file does not."""
        self.rule = rule
        self.rate = None if rule.rate is None else RateLimit(rule.rate, clock)


class RuleBook:
    """Rules in their order.

    Parameters:
        path: the file that rules are added to.
        clock: for rates.
    """

    def __init__(
        self, rules: Sequence[Rule] = (), path: Path | None = None, clock: Clock = time.monotonic
    ) -> None:
        self._path = path
        self._clock = clock
        self._adding = Lock()
        self.rules = tuple(RuleInForce(rule, clock, number) for number, rule in enumerate(rules, 1))
        """Replaced when one is added: who keeps something made of them can compare."""

    def remember(self, decision: Decision) -> None:
        """Allow from now on what ``decision`` asks about, and write the rule into the file.

        It reads and writes the file: call it in a thread.

        Raises:
            ConfigError: the rule cannot be written. Nothing has changed then.
        """
        [rule] = read_rules([rule_of(decision)])
        with self._adding:
            at = next((at for at, known in enumerate(self.rules) if known.id == decision.before), None)
            if self._path is not None:
                remember(self._path, decision, None if at is None else self.rules[at].rule)
            at = len(self.rules) if at is None else at
            added = RuleInForce(rule, self._clock, len(self.rules) + 1)
            self.rules = (*self.rules[:at], added, *self.rules[at:])
