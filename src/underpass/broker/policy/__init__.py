"""Which calls may be made: the operator's rules, the default, and how often."""

from __future__ import annotations

from underpass.broker.policy.decision import Decision, Effect
from underpass.broker.policy.rule import Rule

__all__ = ["Decision", "Effect", "Rule"]
