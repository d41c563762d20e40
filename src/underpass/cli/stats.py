"""`underpass stats`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json
from underpass.cli.times import SINCE, time_of_words
from underpass.config import find_config, state_dir
from underpass.errors import ConfigError
from underpass.metrics.statistics import Statistics

_SHOWN = 10
"""Agents and tools that are shown; JSON has all of them."""


@click.command(
    epilog=examples("underpass stats --since 7d", "underpass stats --compare", "underpass stats --json")
)
@click.option("--since", help=SINCE)
@click.option("--agents", metavar="PREFIX", help="Only agents whose names begin so.")
@click.option("--compare", is_flag=True, help="Show direct calls against programs, by the number of calls.")
@config_option
@json_option
def command(
    *, since: str | None, agents: str | None, compare: bool, config: Path | None, as_json: bool
) -> None:
    """Show what runs cost and saved in tokens, by day, agent, tool and server, and what would save more.

    Savings are against an agent that makes the same calls itself. Where programs were the dearer way, the
    figures are negative.
    """
    folder = state_dir(config or find_config(Path.cwd()), Path.cwd()) / "metrics"
    statistics = Statistics(folder)
    begin = None if since is None else time_of_words(since)
    try:
        if compare:
            _compare(statistics, begin, agents, as_json=as_json)
        else:
            _show(statistics, begin, agents, as_json=as_json)
    except OSError as error:
        raise ConfigError(f"the metrics cannot be read: {error}", hint="are they another user's?") from error
    finally:
        statistics.close()


def _compare(statistics: Statistics, since: datetime | None, agents: str | None, *, as_json: bool) -> None:
    from underpass.cli.stats_view import comparison, nothing

    compared = statistics.compare(since, agents)
    if as_json:
        print_json(compared.to_dict())
    else:
        out().print(comparison(compared) if compared.rows else nothing(since, "runs that made calls"))


def _show(statistics: Statistics, since: datetime | None, agents: str | None, *, as_json: bool) -> None:
    from underpass.cli import stats_view

    summary = statistics.summary(since, agents)
    days, by_agent = statistics.by_day(since, agents), statistics.by_agent(since, agents)
    tools, servers = statistics.by_tool(since, agents), statistics.by_server(since, agents)
    recommendations = statistics.recommendations(since, agents)
    if as_json:
        parts = {
            "days": days,
            "agents": by_agent,
            "tools": tools,
            "servers": servers,
            "recommendations": recommendations,
        }
        lists = {name: [each.to_dict() for each in part] for name, part in parts.items()}
        print_json({"summary": summary.to_dict(), **lists})
        return
    if not summary.runs:
        out().print(stats_view.nothing(since))
        return
    console = out()
    shown = [stats_view.overview(summary), stats_view.chart(days)]
    if len(by_agent) > 1:
        shown.append(stats_view.agents(by_agent, _SHOWN))
    if tools:
        shown.append(stats_view.tools(tools, _SHOWN))
    if servers:
        shown.append(stats_view.servers(servers, _SHOWN))
    for each in shown:
        console.print(each)
        console.print()
    for each in stats_view.advice(recommendations):
        console.print(each, soft_wrap=True)
    console.print(stats_view.footnote(summary), soft_wrap=True)
