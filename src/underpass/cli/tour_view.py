"""How the demonstration looks on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, cast

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from underpass.cli.output import highlighted, plain
from underpass.cli.terms import bytes_, counted, milliseconds
from underpass.demo.tour import Shown, Tour
from underpass.execution.result import RunResult, ToolCall
from underpass.metrics.tokens import TOKENIZER

_BAR = 36
_CALLS_SHOWN = 4
"""Calls of one tool in a row that are listed one by one; more are summed up."""


def show(tour: Tour, console: Console) -> None:
    """Print the whole tour."""
    console.print()
    console.print(_setting(tour))
    for number, shown in enumerate(tour.shown, 1):
        console.print()
        console.print(
            Rule(Text(f" {number}  {shown.program.task} ", style="bold"), align="left", style="cyan")
        )
        console.print(_program(shown))
        console.print(_section("what crossed the sandbox boundary", _calls(shown.result.tool_calls)))
        console.print(_section("the answer", _answer(shown.result)))
        console.print(_section("time", _time(shown.result)))
        tokens = shown.result.tokens
        console.print(
            _section(
                "tokens through the model's context", _bars("tool by tool", tokens.direct, tokens.context)
            )
        )
    console.print()
    console.print(_summary(tour))


def _setting(tour: Tour) -> RenderableType:
    repository = tour.setting.repository
    kind = "built for this demonstration" if repository.built else "the one you are in"
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    servers = ", ".join(f"{name} ({counted(count, 'tool')})" for name, count in tour.servers.items())
    grid.add_row("servers", plain(servers))
    grid.add_row("repository", plain(f"{repository.path}, {repository.commits:,} commits: {kind}"))
    grid.add_row("modules", f"{tour.modules} generated files, imported as mcp_servers")
    grid.add_row("sandbox", _sandbox(tour.shown))
    return Panel(grid, title="[bold]Underpass[/]", title_align="left", border_style="cyan", padding=(0, 1))


def _sandbox(shown: Sequence[Shown]) -> str:
    names = sorted({each.result.sandbox for each in shown})
    return ", ".join("none: the programs are NOT isolated" if name == "none" else name for name in names)


def _program(shown: Shown) -> RenderableType:
    code = highlighted(shown.program.code.rstrip(), "python", line_numbers=True)
    return Padding(code, (1, 0, 0, 0))


def _section(title: str, content: RenderableType) -> RenderableType:
    return Padding(Group(Text(title, style="bold cyan"), Padding(content, (0, 0, 0, 2))), (1, 0, 0, 0))


def _calls(calls: Sequence[ToolCall]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("tool")
    for heading in ("calls", "ms", "in", "out"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in _rows(calls):
        table.add_row(*row)
    table.add_section()
    table.add_row(
        Text("total", style="bold"),
        str(len(calls)),
        "",
        bytes_(sum(call.bytes_in for call in calls)),
        bytes_(sum(call.bytes_out for call in calls)),
        "",
    )
    return table


def _rows(calls: Sequence[ToolCall]) -> Iterable[tuple[str | Text, ...]]:
    ordered = sorted(calls, key=lambda call: (call.server, call.tool, not call.ok))
    for _, group in groupby(ordered, key=lambda call: (call.server, call.tool, call.ok)):
        same = list(group)
        for part in [[call] for call in same] if len(same) <= _CALLS_SHOWN else [same]:
            times = sorted(call.duration_ms for call in part)
            yield (
                plain(f"{part[0].server}.{part[0].tool}"),
                str(len(part)),
                f"{times[0]:.0f}" if len(part) == 1 else f"{times[0]:.0f} to {times[-1]:.0f}",
                bytes_(sum(call.bytes_in for call in part)),
                bytes_(sum(call.bytes_out for call in part)),
                Text("") if part[0].ok else Text(part[0].error or "failed", style="red"),
            )


def _answer(result: RunResult) -> RenderableType:
    if result.error is not None:
        error = Text.assemble((f"{result.error.type}: ", "bold red"), plain(result.error.message))
        return Group(error, Text(plain(result.error.traceback), style="dim"), Text(plain(result.error.hint)))
    if _is_table(result.value):
        return _table(cast("list[dict[str, Any]]", result.value))
    return highlighted(json.dumps(result.value, indent=2, ensure_ascii=False), "json")


def _is_table(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    rows = cast("list[Any]", value)
    return all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows)


def _table(rows: Sequence[dict[str, Any]]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading, value in rows[0].items():
        table.add_column(plain(heading), justify="right" if isinstance(value, int) else "left")
    for row in rows:
        table.add_row(*(Text(plain(str(value))) for value in row.values()))
    return table


def _time(result: RunResult) -> RenderableType:
    duration = result.duration
    return Text.assemble(
        (milliseconds(duration.total), "bold"),
        f" in all: {milliseconds(duration.start)} to start the sandbox,"
        f" {milliseconds(duration.run)} to run the program"
        + (f", {milliseconds(duration.queue)} in the queue" if duration.queue >= 1 else ""),
    )


def _bars(label: str, direct: int, here: int) -> RenderableType:
    longest = max(direct, here, 1)
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_column()
    for name, count, style in ((label, direct, "red"), ("with Underpass", here, "green")):
        bar = Text("█" * max(1, round(_BAR * count / longest)), style=style)
        grid.add_row(name, Text(f"{count:,}", style="bold"), bar)
    return Group(grid, Text(_saving(direct, here), style="bold"))


def _saving(direct: int, here: int) -> str:
    if direct <= here:
        return f"{here - direct:,} tokens more than calling tool by tool"
    return f"{100 * (direct - here) / direct:.1f} % fewer"


def _summary(tour: Tour) -> RenderableType:
    definitions = tour.definitions
    results = [shown.result for shown in tour.shown]
    direct, here = (
        sum(result.tokens.direct for result in results),
        sum(result.tokens.context for result in results),
    )
    parts: list[RenderableType] = [
        Text("tool definitions, once for each conversation", style="bold cyan"),
        _bars(f"{definitions.tools} tools", definitions.direct, definitions.underpass),
        Text(),
        Text(f"all {len(results)} programs", style="bold cyan"),
        _bars("tool by tool", direct, here),
        Text(),
        Text(
            f"Counted with {TOKENIZER}. Tool by tool: each call's name and arguments and the text of its "
            "result, once. With Underpass: the program and what it returned.",
            style="dim",
        ),
    ]
    return Panel(
        Group(*parts), title="[bold]altogether[/]", title_align="left", border_style="cyan", padding=(0, 1)
    )
