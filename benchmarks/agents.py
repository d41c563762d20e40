"""A thousand agents at once: how soon they are done, and what they hold while they wait."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import anyio

from benchmarks import idle
from benchmarks.measure import Row
from benchmarks.processes import children, memory, zygotes
from underpass import Underpass

_AGENTS = 1_000
_ROUNDS = 3
_ALL_WAITING = 30.0
"""Seconds within which all sandboxes must be there."""

_PROGRAM = """
from pathlib import Path
from mcp_servers import numbers
n = {number}
for _ in range(3):
    n = (await numbers.double(n=n))["n"]
Path("data/answer.txt").write_text(str(n))
[n, sorted(path.name for path in Path("data").iterdir())]
"""


async def at_once() -> list[Row]:
    """Each agent with a workspace of its own and three calls that depend on one another."""
    seconds: list[float] = []
    wrong = 0
    with ExitStack() as homes:
        for _ in range(_ROUNDS):
            # All are removed at the end: ext4 takes many times as long to make a file while it remembers
            # thousands that were just removed.
            home = homes.enter_context(tempfile.TemporaryDirectory())
            async with Underpass.open(
                {"numbers": idle.server("numbers", double=idle.double)}, home=home
            ) as up:
                await up.run(_PROGRAM.format(number=0), agent="first")
                taken, failed = await _all_agents(up, Path(home))
            seconds.append(taken)
            wrong += failed
    seen = f"{median(seconds):.2f} s ({', '.join(f'{each:.2f}' for each in seconds)}), {wrong} wrong answers"
    return [
        Row(
            f"{_AGENTS:,} agents at once, a workspace and 3 tool calls each",
            "≤ 2.5 s, all correct",
            seen,
            median(seconds) <= 2.5 and not wrong,
        )
    ]


async def _all_agents(up: Underpass, home: Path) -> tuple[float, int]:
    """Return the seconds until the last agent is done, and how many answers are not right."""
    values: dict[int, Any] = {}

    async def agent(number: int) -> None:
        result = await up.run(_PROGRAM.format(number=number), agent=f"agent-{number}")
        values[number] = result.value if result.ok else result.error

    begun = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for number in range(_AGENTS):
            tasks.start_soon(agent, number)
    taken = time.perf_counter() - begun

    def kept(number: int) -> str:
        return (home / "workspace" / f"agent-{number}" / "data" / "answer.txt").read_text(encoding="ascii")

    right = [
        values[number] == [number * 8, ["answer.txt"]] and kept(number) == str(number * 8)
        for number in range(_AGENTS)
    ]
    return taken, right.count(False)


class _Hold:
    """A tool that answers nobody before everybody waits."""

    def __init__(self) -> None:
        self._waiting = 0
        self.everyone = anyio.Event()
        self.go = anyio.Event()

    async def __call__(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self._waiting += 1
        if self._waiting == _AGENTS:
            self.everyone.set()
        await self.go.wait()
        return {"n": 1}


@dataclass(slots=True)
class _Held:
    """What was seen while all sandboxes waited; bytes and seconds."""

    each: list[int] = field(default_factory=list[int])
    """PSS of the sandboxes, the largest first."""
    zygote: int = 0
    machine: int = 0
    """What the machine has less of."""
    created: float = 0.0
    finished: float = 0.0
    answers: list[Any] = field(default_factory=list[Any])

    def look(self, available_before: int) -> None:
        """Read the memory of everything that is there."""
        self.machine = available_before - _available()
        (zygote,) = zygotes()
        self.zygote = memory(zygote)
        # The pool's waiting children are there as well; they hold the least.
        self.each = sorted((memory(child) for child in children(zygote)), reverse=True)[:_AGENTS]


async def _wait_together(up: Underpass, hold: _Hold, held: _Held) -> None:
    async def agent(number: int) -> None:
        code = "from mcp_servers import idle\nawait idle.hold()"
        held.answers.append((await up.run(code, agent=f"agent-{number}", timeout=120)).value)

    available, begun = _available(), time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for number in range(_AGENTS):
            tasks.start_soon(agent, number)
        with anyio.fail_after(_ALL_WAITING):
            await hold.everyone.wait()
        held.created = time.perf_counter() - begun
        held.look(available)
        begun = time.perf_counter()
        hold.go.set()
    held.finished = time.perf_counter() - begun


async def alive() -> list[Row]:
    """All sandboxes alive at the same time, each waiting in a call."""
    hold, held = _Hold(), _Held()
    servers = {"idle": idle.server("idle", hold=hold, nothing=idle.nothing)}
    with tempfile.TemporaryDirectory() as home:
        async with Underpass.open(servers, home=home) as up:
            await up.run("from mcp_servers import idle\nawait idle.nothing()")
            await _wait_together(up, hold, held)
    each, right, mb = mean(held.each), held.answers.count({"n": 1}), 1e6
    return [
        Row(
            f"{_AGENTS:,} sandboxes alive at once, each waiting in a call: PSS of each",
            "≤ 1.5 MB",
            f"{each / mb:.2f} MB (largest {held.each[0] / mb:.2f})",
            each <= 1.5 * mb,
        ),
        Row("… by the memory that the machine has left", "", f"{held.machine / _AGENTS / mb:.2f} MB"),
        Row("… the zygote's own share", "", f"{held.zygote / mb:.1f} MB"),
        Row(
            "… created and finished in",
            "",
            f"{held.created:.2f} s and {held.finished:.2f} s, {right:,} right answers",
        ),
    ]


def _available() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise LookupError("MemAvailable")
