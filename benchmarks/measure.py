"""What the benchmarks share: samples taken in turn, percentiles, rows of the table."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio

Work = Callable[[], Awaitable[object]]
Batch = Callable[[int], Awaitable[Sequence[float]]]
"""Does its work a number of times, one after the other, and says how many milliseconds each took."""

_WARM_UP = 3
"""Untimed runs at the head of each batch: the batch before has left its own data in the caches."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Durations of one piece of work, in milliseconds."""

    values: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """The value that ``share`` (0 to 1) of the samples do not exceed."""
        ordered = sorted(self.values)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a figure, its goal, and what was seen."""

    figure: str
    goal: str
    seen: str
    met: bool | None = None
    """None where the figure is there to compare with, or could not be taken."""

    def __str__(self) -> str:
        verdict = "" if self.met is None else "yes" if self.met else "**no**"
        return f"| {self.figure} | {self.goal} | {self.seen} | {verdict} |"


HEAD = "| figure | goal | seen | met |\n|---|---|---|---|"


def batch(work: Work, *, pause: float = 0) -> Batch:
    """Make a batch of work of this process, with ``pause`` seconds before each time."""

    async def run(times: int) -> list[float]:
        for _ in range(_WARM_UP):
            await work()
        taken: list[float] = []
        for _ in range(times):
            if pause:
                await anyio.sleep(pause)
            begun = time.perf_counter()
            await work()
            taken.append((time.perf_counter() - begun) * 1e3)
        return taken

    return run


async def in_turn(batches: Mapping[str, Batch], *, rounds: int, size: int) -> dict[str, Samples]:
    """Take ``rounds`` batches of ``size`` of each piece of work, one piece after the other.

    Machines drift; what is measured in the same seconds, in turn, can be compared.
    """
    taken: dict[str, list[float]] = {name: [] for name in batches}
    for _ in range(rounds):
        for name, run in batches.items():
            taken[name] += await run(size)
    return {name: Samples(tuple(values)) for name, values in taken.items()}


async def rate(work: Work, *, times: int, in_flight: int) -> float:
    """Return how often per second ``work`` gets done, with ``in_flight`` of it under way at any time."""
    left = iter(range(times))

    async def loop() -> None:
        for _ in left:
            await work()

    begun = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(in_flight):
            tasks.start_soon(loop)
    return times / (time.perf_counter() - begun)


def machine() -> str:
    """What the figures were taken on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GiB, "
        f"Linux {platform.release()}, CPython {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.2f} at the start"
    )
