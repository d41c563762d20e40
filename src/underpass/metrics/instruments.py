"""The counters and histograms of one process, for Prometheus and OpenTelemetry."""

from __future__ import annotations

from collections.abc import Iterable

from underpass.metrics.row import RunRow
from underpass.metrics.store import PromptRow


class Instruments:
    """Instruments that are read by Prometheus, and sent by OpenTelemetry.

    Nothing is imported and nothing is counted before ``start``.
    """

    def start(self) -> bool:
        """Begin to count; returns False where the extra ``telemetry`` is not installed. Again: no effect."""
        raise NotImplementedError

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics as Prometheus reads them, and the content type. Starts the counting.

        Raises:
            ConfigError: the extra ``telemetry`` is not installed; the hint says how to.
        """
        raise NotImplementedError

    def note(self, runs: Iterable[RunRow], prompts: Iterable[PromptRow]) -> None:
        """Count runs and prompts; for one thread at a time."""
