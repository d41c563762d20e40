"""TypeScript in the sandbox: a warm run beside a cold Deno, tool calls, many runs at once.

    python -m benchmarks.typescript

Takes about a minute on an otherwise idle machine.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import anyio

from benchmarks.idle import nothing, server
from benchmarks.measure import HEAD, Batch, Row, Samples, batch, in_turn, machine
from benchmarks.processes import Others, cost
from underpass import Underpass
from underpass.sandbox import deno_binary

_ROUNDS = 10
_SIZE = 10
_PAUSE = 0.1
"""Seconds before each run, in which the pool fills again: a model thinks for longer than that."""
_CALLS = 200
_AT_ONCE = 200
_SETTLED = 16.0
"""Seconds of runs after which sandboxes are forked: Deno's threads end when idle for ten."""


async def _run(up: Underpass, code: str, value: object) -> float:
    """Run a program, and return how many milliseconds it was at work."""
    result = await up.run(code, language="typescript", check=False, timeout=120)
    assert result.value == value, result.error
    return result.duration.run


async def warm(up: Underpass, folder: Path) -> list[Row]:
    """``1+1`` through the public interface, beside what a person would start by hand."""
    program = folder / "cold.ts"
    program.write_text("console.log(1+1)", encoding="utf-8")
    deno = deno_binary.find()

    async def one() -> None:
        await _run(up, "1+1", 2)

    async def calling() -> None:
        await _run(up, 'import { idle } from "mcp-servers";\nawait idle.nothing()', {"n": 1})

    async def cold() -> None:
        # Blocks on purpose: a thread between us and the process would be counted with it.
        subprocess.run(  # noqa: ASYNC221
            [deno, "run", "--quiet", "--no-config", program], check=True, capture_output=True
        )

    works = {"run": one, "calling": calling, "cold": cold}
    batches: dict[str, Batch] = {name: batch(work, pause=_PAUSE) for name, work in works.items()}
    seen = await in_turn(batches, rounds=_ROUNDS, size=_SIZE)
    ours, theirs = seen["run"], seen["cold"]
    ratio = theirs.median / ours.median
    return [
        Row("`1+1`, warm pool, p50", "≤ 5 ms", f"{ours.median:.2f} ms", ours.median <= 5),
        Row("… p95", "", f"{ours.percentile(0.95):.2f} ms"),
        Row("… with a module and one tool call, p50", "", f"{seen['calling'].median:.2f} ms"),
        Row("`deno run` of the same, cold, p50", "", f"{theirs.median:.2f} ms"),
        Row("… as often as long as ours", "≥ 4 times", f"{ratio:.1f} times", ratio >= 4),
    ]


async def calls(up: Underpass) -> list[Row]:
    """Tool calls one after the other, beside the same calls made without a program."""
    code = (
        'import { callTool } from "mcp-runtime";\n'
        f'for (let n = 0; n < {_CALLS}; n++) await callTool("idle", "nothing", {{}});\n1'
    )
    inside: list[float] = []
    outside: list[float] = []
    for _ in range(_ROUNDS):
        await anyio.sleep(_PAUSE)
        inside.append(await _run(up, code, 1) / _CALLS * 1e3)
        begun = time.perf_counter()
        for _ in range(_CALLS):
            await up.call_tool("idle", "nothing", {})
        outside.append((time.perf_counter() - begun) / _CALLS * 1e6)
    from_program, direct = Samples(tuple(inside)).median, Samples(tuple(outside)).median
    more = from_program - direct
    return [
        Row(
            "a tool call from TypeScript, more than the call itself",
            "≤ 250 µs",
            f"{more:.0f} µs",
            more <= 250,
        ),
        Row("… the call itself", "", f"{direct:.0f} µs"),
    ]


async def at_once(up: Underpass) -> list[Row]:
    """Many runs, asked for in the same moment."""

    async def one(n: int) -> None:
        await _run(up, f"{n} * 2", n * 2)

    rates: list[float] = []
    before, rounds = cost(), 3
    for _ in range(rounds):
        begun = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for n in range(_AT_ONCE):
                tasks.start_soon(one, n)
        rates.append(_AT_ONCE / (time.perf_counter() - begun))
    best = max(rates)
    # The last ones have to end before they count.
    await anyio.sleep(_PAUSE)
    used = cost().since(before, _AT_ONCE * rounds)
    return [
        Row(f"{_AT_ONCE} runs at once, all correct", "≥ 100 runs/s", f"{best:.0f} runs/s", best >= 100),
        Row(
            "… of each: processor time of host / zygote / template / child; the child's page faults",
            "",
            f"{used.host_ms:.2f} / {used.zygote_ms:.2f} / {used.template_ms:.2f} / {used.child_ms:.2f} ms; "
            f"{used.child_faults:.0f}",
        ),
    ]


async def main() -> None:
    """Measure, and print what belongs into docs/benchmarks.md."""
    print(machine(), "\n")
    others = Others()
    print(HEAD)
    with tempfile.TemporaryDirectory() as home:
        async with Underpass.open({"idle": server("idle", nothing=nothing)}, home=home) as up:
            begun = time.monotonic()
            while time.monotonic() - begun < _SETTLED:
                await _run(up, "1", 1)
                await anyio.sleep(_PAUSE)
            for rows in (await warm(up, Path(home)), await calls(up), await at_once(up)):
                print(*rows, sep="\n", flush=True)
    print(f"\nMeanwhile other processes took {others.share():.0%} of the processors' time.")


if __name__ == "__main__":
    anyio.run(main)
