"""When each call of a run went on, from the rows that the trail has of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """One call."""

    name: str
    begun_ms: float
    """After the run's beginning."""
    took_ms: float
    ok: bool
    reached: str
    """``server`` or ``cache``; empty where it is not known."""
    left: float
    """Where it begins, in percent of the whole."""
    width: float


def timeline(rows: Sequence[dict[str, Any]]) -> list[Bar]:
    """Return the calls in the order in which they began.

    Parameters:
        rows: the trail's, of one run.
    """
    calls = [row for row in rows if row.get("kind") == "call" and "duration_ms" in row]
    if not calls:
        return []
    spans = [
        (_milliseconds(row["at"]) - float(row["duration_ms"]), float(row["duration_ms"])) for row in calls
    ]
    begins = [_milliseconds(row["at"]) for row in rows if row.get("kind") == "began"]
    start = min([*begins, *(begin for begin, _ in spans)])
    whole = max(max(begin + took for begin, took in spans) - start, 0.001)
    found = [
        Bar(
            f"{row.get('server', '')}.{row.get('tool', '')}",
            begin - start,
            took,
            row.get("error") is None,
            str(row.get("reached") or ""),
            round((begin - start) / whole * 100, 2),
            round(max(took / whole * 100, 0.6), 2),
        )
        for row, (begin, took) in zip(calls, spans, strict=True)
    ]
    return sorted(found, key=lambda bar: bar.begun_ms)


def _milliseconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp() * 1_000
