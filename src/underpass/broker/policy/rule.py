"""``[[policy.rules]]``: what one rule says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from underpass.broker.policy.decision import Effect
from underpass.broker.policy.glob import Glob, without_steps

Annotation = Literal["read_only", "destructive", "open_world", "idempotent"]


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so much time."""

    calls: int
    seconds: float
    text: str
    """As it was written: ``10/min``."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two others, both included."""

    least: float | None
    most: float | None

    def holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


Condition = Glob | Range | int | float | bool


@dataclass(frozen=True, slots=True)
class Predicate:
    """What the value of one argument has to be: any of ``conditions``."""

    conditions: tuple[Condition, ...]

    def holds(self, value: object, *, surely: bool) -> bool:
        """Whether the value fits.

        Parameters:
            surely: every item of a list has to, and a path as it is written and as it is meant; otherwise
                one is enough. What allows a call has to hold surely.
        """
        if isinstance(value, list | tuple):
            items = cast("list[object]", value)
            every = all if surely else any
            return bool(items) and every(self.holds(item, surely=surely) for item in items)
        if isinstance(value, str) and (meant := without_steps(value)) != value:
            both = (self._fits(value), self._fits(meant))
            return all(both) if surely else any(both)
        return self._fits(value)

    def _fits(self, value: object) -> bool:
        for condition in self.conditions:
            if isinstance(condition, Glob):
                if isinstance(value, str) and condition.matches(value):
                    return True
            elif isinstance(condition, Range):
                if condition.holds(value):
                    return True
            elif isinstance(value, bool) is isinstance(condition, bool) and value == condition:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; empty conditions hold for every call."""

    decision: Effect
    server: tuple[Glob, ...] = ()
    tool: tuple[Glob, ...] = ()
    category: tuple[Glob, ...] = ()
    annotation: tuple[Annotation, ...] = ()
    agent: tuple[Glob, ...] = ()
    arguments: Mapping[str, Predicate] = field(default_factory=dict[str, Predicate])
    rate: Rate | None = None
    """Of each agent."""
    calls_per_run: int | None = None
    bytes_per_run: int | None = None
    """Arguments and results together, as JSON."""
    flow: Literal["", "allow"] = ""
    """``allow``: also where the data that the run has read speaks against it."""
    reason: str = ""

    @property
    def is_limited(self) -> bool:
        """Whether it counts calls or bytes."""
        return self.rate is not None or self.calls_per_run is not None or self.bytes_per_run is not None

    def fits_arguments(self, arguments: Mapping[str, Any]) -> bool:
        """Whether all predicates hold; an argument that is not given fits none."""
        surely = self.decision == "allow"
        return all(
            name in arguments and predicate.holds(arguments[name], surely=surely)
            for name, predicate in self.arguments.items()
        )
