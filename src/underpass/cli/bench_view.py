"""How the comparison looks on a terminal: a table for each catalog, a chart, and what it comes down to."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final

from rich.console import Console
from rich.text import Text

from underpass.bench.conversation import Spent
from underpass.bench.results import HEADLINE, OTHERS, Results
from underpass.cli.output import table, text
from underpass.metrics.tokens import TOKENIZER

_BAR: Final = 48
_GOALS: Final = (
    ("data_heavy_saved_median", "saved on data-heavy tasks, against direct calls", 0.98, True),
    ("oracle_saved_median", "… against an oracle that loads what is needed alone", 0.95, True),
    ("auto_worst_ratio", "auto, as a multiple of its best mode, at worst", 1.1, False),
    ("auto_worst_ratio_of_all", "… of the best of all arms that one can have", 1.1, False),
    ("fastmcp_saved_median", "saved on all tasks, against FastMCP CodeMode", 0.2, True),
    ("correct", "programs with the expected answer", 1.0, True),
)
"""Name, meaning, goal, and whether more is better."""
_BESIDE: Final = ("direct", "search", "fastmcp", "oracle")


def show(results: Results, console: Console) -> None:
    """Print everything."""
    for size in results.sizes:
        console.print()
        console.print(
            text(f"beside {size:,} other tools ({results.catalogs[size]:,} tokens of definitions)", "bold")
        )
        _table(results, size, console)
    console.print()
    _chart(results, console)
    console.print()
    _losses(results, console)
    _summary(results, console)
    for name, why in results.left_out.items():
        console.print(text(f"left out: {name}: {why}", "yellow"), soft_wrap=True)
    for each in results.measured:
        if each.spent is None or not each.spent.correct:
            why = each.error if each.spent is None else each.spent.note or "another answer"
            console.print(
                text(f"no answer: {each.task}, {each.arm}, {each.size}: {why}", "red"), soft_wrap=True
            )


def _table(results: Results, size: int, console: Console) -> None:
    shown = table("task", "kind", *(f">{arm}" for arm in results.arms))
    kinds = {each.task: each.kind for each in results.measured}
    for task in results.tasks:
        spent = results.of(task, size)
        best = min((spent[arm].total for arm in OTHERS if arm in spent), default=0)
        cells = [_cell(spent.get(arm), best, arm) for arm in results.arms]
        shown.add_row(task, kinds[task], *cells)
    console.print(shown)


def _cell(spent: Spent | None, best: int, arm: str) -> Text:
    if spent is None:
        return Text("-", style="red")
    style = "dim" if arm == "oracle" else "bold green" if spent.total == best else ""
    return Text(f"{spent.total:,}", style=style)


def _chart(results: Results, console: Console) -> None:
    """Print bars of a task's tokens: the median over the tasks of a kind and all catalogs."""
    console.print(text(f"tokens over all turns, the median of each kind ({TOKENIZER})", "bold"))
    kinds = dict.fromkeys(each.kind for each in results.measured)
    for kind in kinds:
        tasks = dict.fromkeys(each.task for each in results.measured if each.kind == kind)
        found = {
            arm: median(values)
            for arm in results.arms
            if (values := [spent[arm].total for spent in _each(results, tasks) if arm in spent])
        }
        longest = max(found.values(), default=0)
        console.print(text(kind))
        for arm, value in found.items():
            bar = "█" * round(_BAR * value / longest) or "▏"
            style = "dim" if arm == "oracle" else "green" if arm in {HEADLINE, "auto"} else "cyan"
            line = Text.assemble(f"  {arm:<17}", (f"{bar:<{_BAR}}", style), f" {value:>9,.0f}")
            console.print(line)


def _each(results: Results, tasks: Iterable[str]) -> list[dict[str, Spent]]:
    return [results.of(task, size) for task in tasks for size in results.sizes]


def _losses(results: Results, console: Console) -> None:
    """Print where Underpass's program costs more than another's way."""
    shown = table("where another arm costs less", ">catalog", ">tokens", "the others")
    for task in results.tasks:
        for size in results.sizes:
            spent = results.of(task, size)
            mine = spent[HEADLINE].total if HEADLINE in spent else 0
            less = [
                f"{arm} {spent[arm].total:,}" for arm in _BESIDE if arm in spent and spent[arm].total < mine
            ]
            if less:
                shown.add_row(task, f"{size:,}", f"{mine:,}", ", ".join(less))
    if shown.row_count:
        console.print(shown)
        console.print()


def _summary(results: Results, console: Console) -> None:
    shown = table("figure", ">seen", ">goal", "met")
    summary = results.summary().to_dict()
    for name, meaning, goal, more in _GOALS:
        value = summary[name]
        met = value is not None and (value >= goal if more else value <= goal)
        verdict = "" if value is None else "yes" if met else "no"
        seen = "not measured" if value is None else f"{value:.1%}" if more else f"{value:.2f}"
        wanted = f"≥ {goal:.0%}" if more else f"≤ {goal:.1f}"
        shown.add_row(meaning, seen, wanted, Text(verdict, style="green" if met else "bold red"))
    console.print(shown)
