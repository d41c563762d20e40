"""How statistics look on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from underpass.cli.output import table, text
from underpass.cli.terms import counted, milliseconds
from underpass.metrics.figures import (
    COUNTERFACTUAL,
    AgentFigures,
    Comparison,
    DayFigures,
    Recommendation,
    ServerFigures,
    Summary,
    TokenFigures,
    ToolFigures,
)

_BAR = 30
"""Characters of the longest bar."""
_DAYS = 14
"""Days in the chart: the youngest."""


def nothing(since: datetime | None, what: str = "runs") -> Text:
    """What to say where there are no runs of a kind."""
    if since is not None:
        return Text(f"no {what} since {since:%Y-%m-%d %H:%M} UTC; without --since all are counted")
    return Text(f"no {what} yet: `underpass run` makes one")


def overview(summary: Summary) -> Table:
    """All runs together."""
    tokens, times = summary.tokens, summary.times
    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="dim")
    shown.add_row(
        "runs", f"{summary.runs:,}, {_percent(summary.success_rate)} came to a value" + _cached(summary)
    )
    shown.add_row("calls", f"{summary.calls:,}, of which {summary.failed_calls:,} failed")
    shown.add_row("time", f"median {_milliseconds(times.p50)}, p95 {_milliseconds(times.p95)}")
    shown.add_row("", "")
    shown.add_row("direct calls", _parts(tokens.direct, tokens, "definitions_direct", "calls", "results"))
    shown.add_row("programs", _parts(tokens.spent, tokens, "definitions_code", "prompts", "code", "answers"))
    shown.add_row("saved" if tokens.saved >= 0 else "lost", _saved(tokens))
    if summary.losses:
        shown.add_row(
            "losses",
            text(f"{counted(summary.losses, 'run')} cost more than direct calls would have", "yellow"),
        )
    return shown


def chart(days: Sequence[DayFigures]) -> Table:
    """Two bars for each day: what direct calls would have taken, and what programs did."""
    shown = table("day", ">runs", ">tokens", " ")
    most = max((max(day.tokens.direct, day.tokens.spent) for day in days[-_DAYS:]), default=0)
    for day in days[-_DAYS:]:
        shown.add_row(
            f"{day.day:%Y-%m-%d}", f"{day.runs:,}", f"{day.tokens.direct:,}",
            _bar(day.tokens.direct, most, "direct", "dim"),
        )  # fmt: skip
        style = "green" if day.tokens.saved >= 0 else "red"
        shown.add_row("", "", f"{day.tokens.spent:,}", _bar(day.tokens.spent, most, "programs", style))
    return shown


def agents(found: Sequence[AgentFigures], most: int) -> Table:
    """The agents with the most runs."""
    shown = table("agent", ">runs", ">failed", ">calls", ">saved")
    for each in found[:most]:
        shown.add_row(
            text(each.agent),
            f"{each.runs:,}",
            f"{each.failed:,}",
            f"{each.calls:,}",
            _signed(each.tokens.saved),
        )
    return _rest(shown, len(found) - most)


def tools(found: Sequence[ToolFigures], most: int) -> Table:
    """The tools with the longest results."""
    shown = table("tool", ">calls", ">failed", ">cached", ">mean", ">result tokens")
    for each in found[:most]:
        shown.add_row(
            text(f"{each.server}.{each.tool}"),
            f"{each.calls:,}",
            f"{each.failed:,}",
            f"{each.cached:,}",
            _milliseconds(each.mean_ms),
            f"{each.results:,}",
        )
    return _rest(shown, len(found) - most)


def servers(found: Sequence[ServerFigures], most: int) -> Table:
    """The servers that were called the most, and those that were not."""
    shown = table("server", ">tools", ">definitions", ">runs", ">calls", ">result tokens")
    for each in found[:most]:
        tools_, size = ("" if number is None else f"{number:,}" for number in (each.tools, each.definitions))
        shown.add_row(
            text(each.server), tools_, size, f"{each.runs:,}", f"{each.calls:,}", f"{each.results:,}"
        )
    return _rest(shown, len(found) - most)


def advice(recommendations: Sequence[Recommendation]) -> Iterator[Text]:
    """A line for each recommendation, with the youngest run that it rests on."""
    for each in recommendations:
        seen = f" (such as run {each.runs[0]})" if each.runs else ""
        yield Text.assemble(("→ ", "bold cyan"), text(each.text), text(seen, "dim"))


def footnote(summary: Summary) -> Text:
    """What the figures are."""
    return text(f"counted by {summary.tokenizer or 'nothing yet'}, against {COUNTERFACTUAL}", "dim")


def comparison(compared: Comparison) -> Table:
    """Direct calls against programs."""
    shown = table("calls in a run", ">runs", ">direct", ">programs", ">saved", ">reduction", ">cheaper")
    for row in compared.rows:
        tokens = row.tokens
        shown.add_row(
            row.calls, f"{row.runs:,}", f"{tokens.direct:,}", f"{tokens.spent:,}", _signed(tokens.saved),
            _percent(tokens.reduction), f"{row.cheaper:,} of {row.runs:,}",
        )  # fmt: skip
    total, runs = compared.total, sum(row.runs for row in compared.rows)
    cheaper = sum(row.cheaper for row in compared.rows)
    shown.add_row(
        "all", f"{runs:,}", f"{total.direct:,}", f"{total.spent:,}", _signed(total.saved),
        _percent(total.reduction), f"{cheaper:,} of {runs:,}",
    )  # fmt: skip
    return shown


def _cached(summary: Summary) -> str:
    return f", {summary.cached:,} were answered by equal ones" if summary.cached else ""


def _parts(total: int, tokens: TokenFigures, *names: str) -> str:
    said = {"definitions_direct": "definitions", "definitions_code": "definitions"}
    parts = (f"{said.get(name, name)} {getattr(tokens, name):,}" for name in names)
    return f"{total:,} tokens: {', '.join(parts)}"


def _saved(tokens: TokenFigures) -> Text:
    reduction = f" ({_percent(tokens.reduction)})" if tokens.direct else ""
    style = "bold green" if tokens.saved >= 0 else "bold red"
    return text(f"{abs(tokens.saved):,} tokens{reduction}", style)


def _signed(saved: int) -> Text:
    return text(f"{saved:,}", "green" if saved >= 0 else "red")


def _bar(value: int, most: int, name: str, style: str) -> Text:
    length = round(_BAR * value / most) if most else 0
    return Text.assemble(("█" * length or "▏", style), f" {name}")


def _rest(shown: Table, left: int) -> Table:
    if left > 0:
        shown.add_row(text(f"and {left:,} more: --json", "dim"))
    return shown


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else milliseconds(value)
