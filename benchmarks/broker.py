"""What the broker adds to a call, and what its journal does.

python -m benchmarks.broker
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio

from benchmarks.measure import machine
from underpass.broker import Broker, CallLimits, InMemoryCatalog, RunCalls
from underpass.broker.journal import Journal, RunRecord
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

CALLS = 20_000
ROUNDS = 5
TASKS = 32


async def add(arguments: Mapping[str, Any]) -> ToolOutcome:
    """Add two numbers."""
    return ToolOutcome(structured={"sum": arguments["a"] + arguments["b"]}, has_structured=True)


async def main() -> None:
    """Time the same calls with the broker and without, in turn."""
    number = {"type": "integer"}
    schema = {"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]}
    upstream = InMemoryUpstream("calculator")
    upstream.add(ToolDefinition("calculator", "add", "Add", input_schema=schema), add)
    broker = Broker(InMemoryCatalog({"calculator": upstream}), count=len)
    limits = CallLimits(max_calls=CALLS + 1)
    shares: list[float] = []
    print(machine())
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(CALLS):
            await upstream.call_tool("add", {"a": 1, "b": 2}, timeout=60)
        alone = time.perf_counter() - begun
        run = broker.open_run(limits=limits)
        begun = time.perf_counter()
        for _ in range(CALLS):
            await run.call("calculator", "add", {"a": 1, "b": 2})
        shares.append((time.perf_counter() - begun - alone) / CALLS * 1e6)
    print(f"the broker's own share of a call: {sorted(shares)[ROUNDS // 2]:.1f} µs")
    with tempfile.TemporaryDirectory() as folder:
        async with Journal(Path(folder)) as journal:
            for tasks in (1, TASKS):
                rates = sorted([await journaled(broker, journal, limits, tasks) for _ in range(ROUNDS)])
                print(f"calls per second with the journal, {tasks} at once: {rates[ROUNDS // 2]:,.0f}")
            path, writing = quiet_runs(journal)
            print(f"the journal's share of a run without calls: {path:.1f} µs, {writing:.1f} µs when idle")


async def journaled(broker: Broker, journal: Journal, limits: CallLimits, tasks: int) -> float:
    """Return how many calls a second of processor time takes, with the writing of what waited."""

    async def work(run: RunCalls) -> None:
        for _ in range(CALLS // tasks):
            await run.call("calculator", "add", {"a": 1, "b": 2})

    run = broker.open_run(limits=limits, journal=journal.begin(record()))
    begun = time.process_time()
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(work, run)
    journal.write()
    return CALLS / (time.process_time() - begun)


def quiet_runs(journal: Journal) -> tuple[float, float]:
    """Return what a run without calls waits for, and what is done later: microseconds of processor time."""
    begun = time.process_time()
    for _ in range(CALLS):
        journal.begin(record()).end("ok", spoke=True)
    done = time.process_time()
    journal.write()
    return (done - begun) / CALLS * 1e6, (time.process_time() - done) / CALLS * 1e6


def record() -> RunRecord:
    """Return a run as the runner begins it."""
    return RunRecord(
        secrets.token_hex(8), time.time(), "default", "python", None, "program.py", 30, 2_000,
        check=True, rollback_on_error=False, code="1 + 1",
    )  # fmt: skip


if __name__ == "__main__":
    anyio.run(main)
