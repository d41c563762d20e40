"""The seams at which runs and calls are told of to what measures them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from underpass.broker.journal.record import RunRecord
    from underpass.execution.result import RunResult


class RunMeter(Protocol):
    """Measures one run."""

    def end(self, cause: str, result: RunResult | None) -> None:
        """Learn how the run has ended, in the task that began it. It must be fast, and never raises.

        Parameters:
            cause: ``ok``, ``cached``, or the type of its error.
            result: None where there is none: the run was interrupted, or there was no sandbox for it.
        """
        ...


class Meter(Protocol):
    """Measures runs."""

    def begin(self, run: RunRecord) -> RunMeter:
        """Begin to measure a run, in its task. It must be fast, and never raises."""
        ...


class CallSpan(Protocol):
    """Follows one call."""

    def end(self, error: str | None) -> None:
        """Learn, in the task that began it, that the call has ended; ``error`` is the type of its error."""
        ...


class CallSpans(Protocol):
    """Follows calls."""

    def call(self, server: str, tool: str) -> CallSpan | None:
        """Begin to follow a call, in its task; None where nobody wants to know. It never raises."""
        ...
