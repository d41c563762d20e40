"""How often a rule lets calls through, and how much data."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from underpass.broker.policy.rule import Rate, Rule

Clock = Callable[[], float]
"""Seconds that only go forward."""

_MANY: Final = 1_000
"""Agents of which some may be over; beyond it they are looked through."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit of a rule that a call would exceed."""

    limit: str
    """Its key in the rule."""
    value: int | str
    what: str
    """What the rule does, for people."""
    retry_after: float | None = None
    """Seconds until there is room again; None: not in this run."""


class RateLimit:
    """Counts, for each agent, the calls of the time that the rate is about: never more in any such time."""

    def __init__(self, rate: Rate, clock: Clock = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._made: dict[str, deque[float]] = {}

    def take(self, agent: str) -> Excess | None:
        """Count a call; or return what it would exceed."""
        now = self._clock()
        made = self._made.get(agent)
        if made is None:
            self._forget(now)
            made = self._made[agent] = deque(maxlen=self._rate.calls)
        if len(made) == self._rate.calls and (wait := made[0] + self._rate.seconds - now) > 0:
            seconds = math.ceil(wait * 10) / 10
            what = f"allows {self._rate.text}, and there is room again in {seconds:g} seconds"
            return Excess("rate", self._rate.text, what, seconds)
        made.append(now)  # the oldest goes
        return None

    def _forget(self, now: float) -> None:
        if len(self._made) >= _MANY:
            since = now - self._rate.seconds
            self._made = {agent: made for agent, made in self._made.items() if made[-1] > since}


class RunBudget:
    """What one rule has let through in one run."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._calls = 0
        self._bytes = 0

    def excess(self, size: int) -> Excess | None:
        """Return what a call with arguments of ``size`` bytes would exceed."""
        calls, most = self._rule.calls_per_run, self._rule.bytes_per_run
        if calls is not None and self._calls >= calls:
            what = f"allows a run {calls:,} call{'' if calls == 1 else 's'}, and none is left"
            return Excess("calls_per_run", calls, what)
        if most is not None and (self._bytes >= most or self._bytes + size > most):
            return Excess("bytes_per_run", most, f"allows a run {most:,} bytes, and there are too few left")
        return None

    def take(self, size: int) -> None:
        """Count a call with arguments of ``size`` bytes."""
        self._calls += 1
        self._bytes += size

    def returned(self, size: int) -> None:
        """Count the bytes of a result; it has come already, so only the next call can fail."""
        self._bytes += size
