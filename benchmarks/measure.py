"""What the benchmarks share: samples taken in turn, percentiles, a table."""

from __future__ import annotations

import platform
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Samples:
    """Durations of one piece of work, in milliseconds."""

    name: str
    values: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """The value that ``share`` (0 to 1) of the samples do not exceed."""
        ordered = sorted(self.values)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    @property
    def median(self) -> float:
        """The value in the middle."""
        return self.percentile(0.5)


async def in_turn(works: Mapping[str, Work], times: int, warm_up: int = 20) -> list[Samples]:
    """Time each piece of work ``times`` times, one after the other in every round.

    Machines drift; what is measured in the same minute, in turn, can be compared.
    """
    for work in works.values():
        for _ in range(warm_up):
            await work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(times):
        for name, work in works.items():
            begun = time.perf_counter()
            await work()
            taken[name].append((time.perf_counter() - begun) * 1e3)
    return [Samples(name, tuple(values)) for name, values in taken.items()]


def table(samples: Sequence[Samples], base: str) -> str:
    """Show samples as a Markdown table, with the ratio of each median to that of ``base``."""
    reference = next(each for each in samples if each.name == base).median
    lines = ["| | p50 ms | p99 ms | times the first |", "|---|---|---|---|"]
    lines += [
        f"| {each.name} | {each.median:.3f} | {each.percentile(0.99):.3f} | {each.median / reference:.2f} |"
        for each in samples
    ]
    return "\n".join(lines)


def machine() -> str:
    """What the figures were taken on."""
    return f"{platform.machine()}, Linux {platform.release()}, CPython {platform.python_version()}"
