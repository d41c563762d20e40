"""Counts decisions, and calls from outside of runs, on their way to the trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from underpass.broker.call import Call, Outcome, Reached, Trail
    from underpass.broker.journal.record import CallRecord
    from underpass.broker.policy.decision import Decision
    from underpass.execution.result import ToolCall
    from underpass.metrics.instruments import Instruments


class CountedTrail:
    """A ``Trail`` that is ``trail``, and tells ``instruments``."""

    def __init__(self, trail: Trail, instruments: Instruments) -> None:
        self._trail = trail
        self._instruments = instruments
        self.began = trail.began
        self.ended = trail.ended

    def decided(self, call: Call, decision: Decision | None, outcome: Outcome) -> None:
        """Note a final decision."""
        self._trail.decided(call, decision, outcome)
        self._instruments.decided("none" if decision is None else decision.effect, outcome)

    def called(
        self, run: str, agent: str, call: ToolCall, reached: Reached, about: Call | CallRecord | None
    ) -> None:
        """Note that a call has ended. Those of runs are counted with their runs."""
        self._trail.called(run, agent, call, reached, about)
        if not run:
            self._instruments.called(call)
