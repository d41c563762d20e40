"""`underpass sessions`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, text
from underpass.config import find_config, state_dir

_MB = 1_048_576


@click.command(epilog=examples("underpass sessions", "underpass sessions --json"))
@config_option
@json_option
def command(*, config: Path | None, as_json: bool) -> None:
    """List the sessions of the processes that serve now: `underpass serve`, and programs that use Underpass.

    A session belongs to one of them and ends with it. A run names its session: `session` of the tool
    run_code, or of Underpass.run. `underpass run` has none, for it ends with its program.
    """
    # What it imports takes a while, and --help needs none of it.
    from underpass.execution.sessions.notice import read_notices

    cwd = Path.cwd()
    found = read_notices(state_dir(config or find_config(cwd), cwd) / "sessions")
    if as_json:
        print_json({"sessions": found})
        return
    if not found:
        out().print("no session: `underpass serve` has one where a client's run_code names it")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("agent", "session", "language", "environment", "state"):
        table.add_column(name)
    for name in ("runs", "memory", "pid"):
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(
            text(each["agent"]),
            text(each["name"], "bold"),
            text(each["language"]),
            text(each["environment"] or ""),
            "busy" if each["busy"] else f"idle for {each['idle_seconds']:.0f} s",
            f"{each['runs']:,}",
            f"{each['memory_bytes'] / _MB:,.0f} MB",
            str(each["pid"]),
        )
    out().print(table)
