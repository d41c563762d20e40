"""What measuring costs: a run, a call, and questions about 100,000 runs.

``python -m benchmarks.metrics`` prints a table. The first figures are of the same runs with and without
measuring, in turn, in one process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

from benchmarks.measure import HEAD, Row, Samples, batch, in_turn, machine
from underpass import Underpass
from underpass.broker.call import Call, Outcome, Reached
from underpass.broker.journal.record import CallRecord, RunRecord
from underpass.broker.policy.decision import Decision
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.config import DiscoverySettings, MetricsSettings
from underpass.execution.result import Duration, RunResult, Tokens, ToolCall
from underpass.metrics.instruments import Instruments
from underpass.metrics.metering import Metering
from underpass.metrics.row import RunRow, ToolUse
from underpass.metrics.spans import Spans
from underpass.metrics.statistics import Statistics
from underpass.metrics.store import MetricsStore
from underpass.metrics.trail import CountedTrail

RUNS = 100_000
"""In the store that is asked."""
PROGRAM = "from mcp_servers import demo\nsum([(await demo.echo(n=n))['n'] for n in range({calls})])"


class NotMeasured:
    """A meter that does nothing."""

    def begin(self, run: RunRecord) -> NotMeasured:  # noqa: ARG002 - as the protocol has it
        """Measure nothing."""
        return self

    def end(self, cause: str, result: RunResult | None) -> None:
        """Take nothing down."""


class Silent:
    """A trail that notes nothing."""

    def began(self, run: RunRecord) -> None: ...

    def ended(self, run: RunRecord, cause: str) -> None: ...

    def decided(self, call: Call, decision: Decision | None, outcome: Outcome) -> None: ...

    def called(
        self, run: str, agent: str, call: ToolCall, reached: Reached, about: Call | CallRecord | None
    ) -> None: ...


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    print(machine(), HEAD, sep="\n\n")
    for row in [*await of_runs(rounds), *of_parts(), *of_questions()]:
        print(row, flush=True)


async def of_runs(rounds: int) -> list[Row]:
    """Runs with and without measuring."""
    with tempfile.TemporaryDirectory() as folder:
        async with Underpass.open(
            {"demo": demo()}, home=folder, settings={"run.check": False, "calls.max_calls": 10_000}
        ) as up:
            runner, stages, trail = up._runner, up._broker.stages, up._broker.stages.trail  # noqa: SLF001
            assert trail is not None

            @contextmanager
            def unmeasured() -> Generator[None]:
                runner._meter = NotMeasured()  # noqa: SLF001
                object.__setattr__(stages, "trail", trail._trail)  # type: ignore[attr-defined]  # noqa: SLF001
                object.__setattr__(stages, "spans", None)
                try:
                    yield
                finally:
                    runner._meter = up.metering  # noqa: SLF001
                    object.__setattr__(stages, "trail", trail)
                    object.__setattr__(stages, "spans", up.metering.spans)

            def work(calls: int, *, measured: bool) -> Callable[[], Any]:
                code = PROGRAM.format(calls=calls)

                async def run() -> None:
                    if measured:
                        assert (await up.run(code)).ok
                    else:
                        with unmeasured():
                            assert (await up.run(code)).ok

                return run

            kinds = {
                f"{calls} calls, {'on' if measured else 'off'}": batch(work(calls, measured=measured))
                for calls in (3, 1_000)
                for measured in (False, True)
            }
            few = {name: each for name, each in kinds.items() if name.startswith("3 ")}
            many = {name: each for name, each in kinds.items() if name not in few}
            seen = {
                **await in_turn(few, rounds=rounds, size=20),
                **await in_turn(many, rounds=rounds, size=1),
            }
    off, on = seen["3 calls, off"], seen["3 calls, on"]
    return [
        compared("a run with 3 calls", off, on, parts=1, most=20),
        compared("a call, of 1,000 in a run", seen["1000 calls, off"], seen["1000 calls, on"], parts=1_000),
    ]


def compared(what: str, off: Samples, on: Samples, *, parts: int, most: float | None = None) -> Row:
    """How much longer one takes, by the quarter that was the least disturbed by other work of the machine."""
    before, after = off.percentile(0.25), on.percentile(0.25)
    more = (after - before) * 1e3 / parts
    seen = f"{more:+,.1f} µs; {before:,.3f} → {after:,.3f} ms, ratio {after / before:.3f}"
    if most is None:
        return Row(what, "", seen)
    return Row(what, f"≤ {most:g} µs more", seen, more <= most)


def of_parts() -> list[Row]:
    """The parts of it, each alone, in processor time."""
    with tempfile.TemporaryDirectory() as folder:
        instruments = Instruments()
        metering = Metering(Path(folder), MetricsSettings(), DiscoverySettings(), dict, instruments)
        metering._due.set()  # noqa: SLF001 - as while others wait to be written
        record, result = example()

        def taken_down() -> None:
            metering.begin(record).end("ok", result)

        taken = microseconds(taken_down, 5_000)
        begun = time.process_time()
        metering.settle()
        settled = (time.process_time() - begun) * 1e6 / 5_000
        shown = milliseconds(instruments.exposition)
        spans, stage = Spans(), CountedTrail(Silent(), instruments)
        call = Call("run", "default", ToolDefinition("demo", "echo"), "", {}, b"{}")

        def called() -> None:
            spans.call("demo", "echo")
            stage.decided(call, None, "allowed")
            stage.called("run", "default", result.tool_calls[0], "server", call)

        of_call = microseconds(called, 20_000)
    return [
        Row("of it in the run itself", "", f"{taken:.2f} µs", None),
        Row("of it in a call", "", f"{of_call:.2f} µs", None),
        Row("of it later, in a thread, with 3 calls", "", f"{settled:.1f} µs", None),
        Row("all metrics as text", "", f"{shown:.2f} ms", None),
    ]


def of_questions() -> list[Row]:
    """Questions about many runs."""
    with tempfile.TemporaryDirectory() as folder:
        store = MetricsStore(Path(folder))
        store.write(map(example_row, range(RUNS)), servers={"demo": (40, 9_000), "idle": (12, 3_000)})
        store.close()
        size = (Path(folder) / "metrics.sqlite3").stat().st_size / RUNS
        statistics = Statistics(Path(folder))
        questions: Mapping[str, Callable[[], object]] = {
            "summary": statistics.summary,
            "by day": statistics.by_day,
            "by tool": statistics.by_tool,
            "a page of 50 runs": statistics.runs,
            "a page of failed runs of one tool": lambda: statistics.runs(outcome="failed", tool="tool3"),
            "recommendations": statistics.recommendations,
        }
        rows = [
            Row(f"{name}, of {RUNS:,} runs", "", f"{milliseconds(ask):,.1f} ms")
            for name, ask in questions.items()
        ]
        statistics.close()
    return [Row("the store, for each run", "", f"{size:,.0f} bytes"), *rows]


def microseconds(work: Callable[[], object], times: int) -> float:
    """Processor time of one time."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) * 1e6 / times


def milliseconds(work: Callable[[], object]) -> float:
    """The least of three times."""
    return min(microseconds(work, 1) for _ in range(3)) / 1e3


def example() -> tuple[RunRecord, RunResult]:
    """A run with three calls."""
    code = PROGRAM.format(calls=3)
    record = RunRecord(
        "run", time.time(), "default", "python", None, "program.py", 30.0, 2_000, True, False, code
    )
    call = ToolCall("demo", "echo", 1.5, True, 20, 400)
    tokens = Tokens(60, 500, "o200k_base", 50, 100, [("demo", "echo", 400)])
    result = RunResult(
        run="run", ok=True, value=3, stdout="", stderr="", error=None, tool_calls=(call,) * 3,
        duration=Duration(6.0, 0.1, 1.0, 4.9), sandbox="process", language="python", tokens=tokens,
    )  # fmt: skip
    return record, result


def example_row(number: int) -> RunRow:
    """One of many runs: of 50 agents, 40 tools, 1,000 programs; one in twenty failed."""
    use = ToolUse(3, 0, 0, 4.5, 1_200, 400)
    return RunRow(
        run=f"run{number:012}",
        begun=time.time() - (RUNS - number) * 20,
        agent=f"agent{number % 50}",
        language="python",
        outcome="ok" if number % 20 else "CodeError",
        code=f"{number % 1_000:016x}",
        code_lines=2,
        sandbox="process",
        total_ms=5 + number % 17,
        calls_tokens=100,
        code_tokens=50,
        answer_tokens=10,
        tokenizer="o200k_base",
        tools={("demo", f"tool{number % 40}"): use},
        definitions_direct=9_000,
        definitions_code=350,
    )


def demo() -> InMemoryUpstream:
    """A server that answers at once."""
    upstream = InMemoryUpstream("demo")

    async def echo(arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured=dict(arguments), has_structured=True)

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    upstream.add(ToolDefinition("demo", "echo", "Give back what it is given", input_schema=schema), echo)
    return upstream


if __name__ == "__main__":
    anyio.run(main)
