"""What the broker adds to a call, and what its journal, its policy and its audit trail do.

python -m benchmarks.broker
"""

from __future__ import annotations

import gc
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from benchmarks.measure import in_turn, machine
from underpass import Underpass
from underpass.broker import Broker, CallLimits, InMemoryCatalog, RunCalls
from underpass.broker.audit.trail import AuditTrail
from underpass.broker.call import Call, Stages
from underpass.broker.journal import Journal, RunRecord
from underpass.broker.policy.book import RuleBook
from underpass.broker.policy.decision import Decision
from underpass.broker.policy.gate import OperatorPolicy
from underpass.broker.policy.reading import read_rules
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.config import PolicySettings
from underpass.demo.environments import ensure_environment
from underpass.execution.result import ToolCall

CALLS = 20_000
ROUNDS = 5
TASKS = 32
LIMITS = CallLimits(max_calls=CALLS + 1)
RULES: list[Mapping[str, Any]] = [
    *({"server": f"other{number}", "tool": "delete_*", "decision": "deny"} for number in range(17)),
    {"server": "calc*", "tool": "a*", "arguments": {"a": {"min": 100}}, "decision": "ask"},
    {"tool": "add", "arguments": {"path": ["/etc/*", "*.pem"]}, "decision": "deny"},
    {"server": "calculator", "tool": "add", "decision": "allow", "bytes_per_run": 1_000_000_000},
]
"""Twenty; the last decides, after the arguments were looked at twice."""

_BATCHES = 20
_BATCH = 100
"""Calls of each way, one after the other."""
_PROGRAM = """
import time
from mcp_servers import kit
taken = []
for _ in range({calls}):
    begun = time.perf_counter()
    await kit.echo(message="hello")
    taken.append((time.perf_counter() - begun) * 1e3)
taken
"""


@dataclass(frozen=True, slots=True)
class House:
    """Brokers of the same upstream, with different stages."""

    upstream: InMemoryUpstream
    source: InMemoryCatalog

    @classmethod
    def build(cls) -> House:
        """Make the upstream: one tool that adds."""
        number = {"type": "integer"}
        schema = {"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]}
        upstream = InMemoryUpstream("calculator")
        upstream.add(ToolDefinition("calculator", "add", "Add", input_schema=schema), add)
        return cls(upstream, InMemoryCatalog({"calculator": upstream}))

    def broker(self, rules: list[Mapping[str, Any]] | None = None, trail: AuditTrail | None = None) -> Broker:
        """Return a broker; with a policy where ``rules`` are given."""
        if rules is None:
            return Broker(self.source, count=len)
        book = RuleBook(read_rules(rules))
        policy = OperatorPolicy.of(PolicySettings(), book, categories=_no_category, trail=trail)
        return Broker(self.source, count=len, stages=Stages(policy=policy, trail=trail))


async def add(arguments: Mapping[str, Any]) -> ToolOutcome:
    """Add two numbers."""
    return ToolOutcome(structured={"sum": arguments["a"] + arguments["b"]}, has_structured=True)


async def main() -> None:
    """Time the same calls in different ways, in turn."""
    house = House.build()
    print(machine())
    await _shares(house)
    with tempfile.TemporaryDirectory() as folder:
        async with Journal(Path(folder) / "journal") as journal, AuditTrail(Path(folder) / "audit") as trail:
            ways = {
                "the journal": (house.broker(), None),
                "the journal and a policy of 20 rules": (house.broker(RULES), None),
                "the journal, that policy and the audit trail": (house.broker(RULES, trail), trail),
            }
            for tasks in (1, TASKS):
                rates: dict[str, list[float]] = {way: [] for way in ways}
                for _ in range(ROUNDS):
                    for way, (broker, told) in ways.items():
                        rates[way].append(await journaled(broker, journal, told, tasks))
                for way, found in rates.items():
                    print(f"calls per second with {way}, {tasks} at once: {_median(found):,.0f}")
            for reads, what in ((False, "may write"), (True, "only reads")):
                share = _median([audited(trail, reads=reads) for _ in range(ROUNDS)])
                print(f"the audit trail's two rows of a call that {what}, nothing else done: {share:.1f} µs")
            path, writing = quiet_runs(journal)
            print(f"the journal's share of a run without calls: {path:.1f} µs, {writing:.1f} µs when idle")
        await _latency(Path(folder))


async def _shares(house: House) -> None:
    brokers = {
        "the broker's own share of a call": house.broker(),
        "with a policy without rules": house.broker([]),
        "with a policy of 20 rules": house.broker(RULES),
    }
    shares: dict[str, list[float]] = {name: [] for name in brokers}
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(CALLS):
            await house.upstream.call_tool("add", {"a": 1, "b": 2}, timeout=60)
        alone = time.process_time() - begun
        for name, broker in brokers.items():
            run = broker.open_run(limits=LIMITS)
            gc.collect()
            begun = time.process_time()
            for _ in range(CALLS):
                await run.call("calculator", "add", {"a": 1, "b": 2})
            shares[name].append((time.process_time() - begun - alone) / CALLS * 1e6)
    for name, found in shares.items():
        print(f"{name}: {_median(found):.1f} µs")


async def journaled(broker: Broker, journal: Journal, trail: AuditTrail | None, tasks: int) -> float:
    """Return how many calls a second of processor time takes, with the writing of what waited."""

    async def work(run: RunCalls) -> None:
        for _ in range(CALLS // tasks):
            await run.call("calculator", "add", {"a": 1, "b": 2})

    begun_as = record()
    run = broker.open_run(run=begun_as.run, limits=LIMITS, journal=journal.begin(begun_as))
    begun = time.process_time()
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(work, run)
    journal.write()
    if trail is not None:
        trail.write()
    return CALLS / (time.process_time() - begun)


def audited(trail: AuditTrail, *, reads: bool) -> float:
    """Return what the trail takes for a decision and a call: microseconds of processor time."""
    hints = {"readOnlyHint": True} if reads else {}
    tool = ToolDefinition("calculator", "add", "Add", input_schema={}, annotations=hints)
    decision = Decision("allow", "rule 20", "a rule of the operator's says so")
    made = ToolCall("calculator", "add", 0.1, True, 13, 9)
    begun = time.process_time()
    for _ in range(CALLS):
        call = Call("1m849mh2v0r5pnvf2", "default", tool, "d" * 64, {"a": 1, "b": 2}, b'{"a":1,"b":2}')
        trail.decided(call, decision, "allowed")
        trail.called(call.run, call.agent, made, "server", call)
    trail.write()
    return (time.process_time() - begun) / CALLS * 1e6


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


async def _latency(folder: Path) -> None:
    """Time calls of mcp-testkit's ``echo`` over stdio: by a bare client, from outside, and in a program."""
    servers = Path(__file__).parents[1] / ".underpass" / "test-servers"
    home = await anyio.to_thread.run_sync(ensure_environment, "mcp-testkit", servers)
    command = str(home / "bin" / "mcp-testkit")
    server = StdioServerParameters(command=command)
    with open(os.devnull, "w") as quiet:  # noqa: ASYNC230, PTH123 - nobody waits for it
        await _compared(Client(stdio_client(server, quiet)), command, folder)


async def _compared(direct: Client, command: str, folder: Path) -> None:
    arguments = {"message": "hello"}
    settings = {"policy.rules": [{"server": "kit", "tool": "echo", "decision": "allow"}]}
    async with (
        direct,
        Underpass.open({"kit": {"command": command}}, home=folder, settings=settings) as up,
    ):

        async def bare(times: int) -> list[float]:
            return [await _timed(direct.call_tool("echo", arguments)) for _ in range(times)]

        async def outside(times: int) -> list[float]:
            return [await _timed(up.call_tool("kit", "echo", arguments)) for _ in range(times)]

        async def inside(times: int) -> list[float]:
            result = await up.run(_PROGRAM.format(calls=times), max_tokens=20_000)
            assert result.ok, result.error
            return result.value

        ways = {"a bare client": bare, "Underpass.call_tool": outside, "a program in the sandbox": inside}
        await in_turn(ways, rounds=1, size=_BATCH)
        found = await in_turn(ways, rounds=_BATCHES, size=_BATCH)
    alone = found["a bare client"].median
    for way, samples in found.items():
        print(
            f"a call by {way}: {samples.median:.2f} ms, {samples.median / alone:.2f} times the bare client's"
        )


async def _timed(work: Any) -> float:
    begun = time.perf_counter()
    await work
    return (time.perf_counter() - begun) * 1e3


async def _no_category(_tool: ToolDefinition) -> str:
    return ""


def _median(found: list[float]) -> float:
    return sorted(found)[len(found) // 2]


if __name__ == "__main__":
    anyio.run(main)
