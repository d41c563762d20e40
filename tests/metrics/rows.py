"""Rows of runs that were not made, for what only many runs show."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from underpass.metrics.row import RunRow, ToolUse
from underpass.metrics.statistics import Statistics
from underpass.metrics.store import MetricsStore

DAY = 86_400.0
PLAIN = RunRow(
    run="run",
    begun=0.0,
    agent="default",
    language="python",
    outcome="ok",
    code="c" * 16,
    code_lines=3,
    sandbox="process",
    total_ms=10.0,
    queue_ms=1.0,
    start_ms=2.0,
    run_ms=7.0,
    calls_tokens=30,
    code_tokens=50,
    answer_tokens=20,
    tokenizer="o200k_base",
)


def run(
    number: int, *, ago: float = 0.0, uses: Mapping[str, ToolUse] | None = None, **fields: object
) -> RunRow:
    """A run; ``uses`` names tools as ``server.tool``."""
    tools = {(name.split(".")[0], name.split(".")[1]): use for name, use in (uses or {}).items()}
    made = replace(PLAIN, run=f"run{number:04}", begun=time.time() - ago + number / 1e3, tools=tools)
    return replace(made, **fields)  # type: ignore[arg-type] - each is a field


def statistics_of(
    folder: Path, rows: Iterable[RunRow], servers: Mapping[str, tuple[int, int]] | None = None
) -> Statistics:
    """The statistics of these runs."""
    store = MetricsStore(folder)
    store.write(rows, servers=servers)
    store.close()
    return Statistics(folder)
