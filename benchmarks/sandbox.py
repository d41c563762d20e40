"""How long a run takes, beside the cheapest process that could do the same.

    python -m benchmarks.sandbox

Needs about half a minute on an otherwise idle machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import anyio

from benchmarks.measure import in_turn, machine, table
from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

RUNS = 400
CALLS = 100
SUSTAINED = 2_000
IN_FLIGHT = 32


def nothing() -> InMemoryUpstream:
    """A server in this process with one tool that does nothing."""
    server = InMemoryUpstream("idle")

    async def answer(_: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured={"n": 1}, has_structured=True)

    server.add(ToolDefinition("idle", "nothing", "Does nothing"), answer)
    return server


async def python_starts() -> None:
    """The cheapest cold start of an interpreter: no site, nothing imported, nothing isolated."""
    await anyio.to_thread.run_sync(subprocess.run, [sys.executable, "-I", "-S", "-c", "pass"])


async def latency(up: Underpass) -> None:
    """One run at a time."""

    async def one() -> None:
        assert (await up.run("1+1")).value == 2

    async def awaiting() -> None:
        assert (await up.run("import asyncio\nawait asyncio.sleep(0)\n2")).value == 2

    async def calling() -> None:
        code = "from mcp_servers import idle\nawait idle.nothing()"
        assert (await up.run(code)).value == {"n": 1}

    works = {
        "`up.run('1+1')`": one,
        "… with an event loop": awaiting,
        "… with a module and one tool call": calling,
        "`python -I -S -c pass`": python_starts,
    }
    print(table(await in_turn(works, RUNS), "`up.run('1+1')`"), "\n")
    results = [await up.run("1+1") for _ in range(RUNS)]
    for part in ("queue", "start", "run"):
        values = sorted(getattr(result.duration, part) for result in results)
        print(f"of it {part}: p50 {values[RUNS // 2]:.3f} ms")
    print()


async def calls(up: Underpass) -> None:
    """What one call more costs, one after the other and together."""
    head = "import asyncio\nfrom mcp_servers import idle\nawait idle.nothing()\n"
    programs = {
        "one after the other": f"for _ in range({CALLS}):\n    await idle.nothing()",
        "all at once": f"_ = await asyncio.gather(*(idle.nothing() for _ in range({CALLS})))",
    }

    async def run(code: str) -> float:
        begun = time.perf_counter()
        result = await up.run(code)
        assert result.ok, result.error
        return time.perf_counter() - begun

    for name, body in programs.items():
        costs = [(await run(head + body) - await run(head)) / CALLS * 1e6 for _ in range(30)]
        print(f"a tool call more, {name}: {sorted(costs)[15]:.0f} µs")
    print()


async def sustained(up: Underpass) -> None:
    """Many runs, with a number in flight at any time."""
    limiter = anyio.CapacityLimiter(IN_FLIGHT)

    async def one() -> None:
        async with limiter:
            assert (await up.run("1+1")).value == 2

    begun = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(SUSTAINED):
            tasks.start_soon(one)
    print(f"{SUSTAINED / (time.perf_counter() - begun):.0f} runs/s, {IN_FLIGHT} in flight")


async def main() -> None:
    """Measure, and print what belongs into docs/benchmarks.md."""
    print(machine(), "\n")
    with tempfile.TemporaryDirectory() as home:
        async with Underpass.open({"idle": nothing()}, home=home) as up:
            await latency(up)
            await calls(up)
            await sustained(up)


if __name__ == "__main__":
    anyio.run(main)
