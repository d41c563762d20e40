"""What the broker adds to a call.

python -m benchmarks.broker
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import anyio

from benchmarks.measure import machine
from underpass.broker import Broker, CallLimits, InMemoryCatalog
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

CALLS = 20_000
ROUNDS = 5


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
    print(machine())
    print(f"the broker's own share of a call: {sorted(shares)[ROUNDS // 2]:.1f} µs")


if __name__ == "__main__":
    anyio.run(main)
