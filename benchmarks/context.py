"""What tasks cost in tokens, beside other ways: `python -m benchmarks.context [CORPUS]`.

The corpus is a file of tool definitions as `underpass bench --corpus` takes it; without one the two large
catalogs are left out. FastMCP is installed where it is not. The results are written beside this file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import anyio

from benchmarks.measure import HEAD, Row, machine
from underpass.bench.comparison import compare
from underpass.bench.results import HEADLINE, MANY, MODES, OTHERS, Results
from underpass.bench.saved import save
from underpass.bench.tasks import TASKS
from underpass.metrics.tokens import TOKENIZER

_RESULTS = Path(__file__).parent / "results" / "context.json"
_CORPUS = "UNDERPASS_BENCH_CORPUS"
_PLAN = "rust-async-patterns"
"""The task that the plan gives as an example."""


def main() -> None:
    """Measure, print the tables, and keep the results."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get(_CORPUS)
    on_machine = machine()
    results = anyio.run(lambda: compare(TASKS, corpus=Path(given) if given else None, fastmcp=True))
    save(_RESULTS, results.to_dict())
    print(f"{on_machine}; {len(results.tasks)} tasks; {TOKENIZER}\n\n{HEAD}")
    for row in _goals(results):
        print(row)
    print()
    for line in _medians(results):
        print(line)
    for name, why in results.left_out.items():
        print(f"left out: {name}: {why}")


def _goals(results: Results) -> Iterator[Row]:
    summary = results.summary()
    heavy, oracle = summary.data_heavy_saved_median, summary.oracle_saved_median
    if heavy is not None:
        what = f"data-heavy tasks beside {MANY} tools and more, median saved against direct calls"
        yield Row(what, "≥ 98 %", f"{heavy:.1%}", heavy >= 0.98)
    if oracle is not None:
        yield Row("… against the oracle", "≥ 95 %", f"{oracle:.1%}", oracle >= 0.95)
    for arms, what in (
        (MODES, "`auto`, as a multiple of its best mode"),
        (OTHERS, "… of the best of all arms"),
    ):
        if ratios := [ratio for ratio, _ in results.ratios(arms).values()]:
            worst, over = max(ratios), sum(ratio > 1.1 for ratio in ratios)
            seen = (
                f"{worst:.2f} at worst, {median(ratios):.2f} in the median; {over} of {len(ratios)} over 1.1"
            )
            yield Row(what, "≤ 1.1", seen, worst <= 1.1)
    if (saved := summary.fastmcp_saved_median) is not None:
        yield Row("all tasks, saved against FastMCP CodeMode, median", "≥ 20 %", f"{saved:.1%}", saved >= 0.2)
    if found := [
        (each.task, each.spent.finding)
        for each in results.measured
        if each.arm == HEADLINE and each.size >= MANY and each.spent and each.spent.finding is not None
    ]:
        asked = {task.name: len(task.queries) for task in TASKS}
        once = median([tokens for name, tokens in found if asked[name] == 1])
        seen = f"{once:.0f} for one query, {median(tokens for _, tokens in found):.0f} for all of a task's"
        yield Row("the facade's definitions and the first search, median", "≤ 600", seen, once <= 600)
    if plan := [
        each.spent for each in results.measured if (each.task, each.arm) == (_PLAN, HEADLINE) and each.spent
    ]:
        total, seconds = max(spent.total for spent in plan), max(spent.seconds or 0 for spent in plan)
        met = total < 5_000 and seconds < 2
        yield Row("the plan's example", "< 5,000 tokens, < 2 s", f"{total:,} at most, {seconds:.2f} s", met)
    if (correct := summary.correct) is not None:
        yield Row("programs with the expected answer", "100 %", f"{correct:.0%}", correct == 1)


def _medians(results: Results) -> Iterator[str]:
    """Yield a table: the median tokens of each kind of task, by catalog and arm."""
    kinds = {each.task: each.kind for each in results.measured}
    yield f"| tasks | catalog | {' | '.join(results.arms)} |"
    yield f"|---|---|{'---|' * len(results.arms)}"
    for kind in dict.fromkeys(kinds.values()):
        for size in results.sizes:
            spent = [results.of(task, size) for task in results.tasks if kinds[task] == kind]
            cells = [
                f"{median(values):,.0f}"
                if (values := [each[arm].total for each in spent if arm in each])
                else ""
                for arm in results.arms
            ]
            yield f"| {kind} | {size:,} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
