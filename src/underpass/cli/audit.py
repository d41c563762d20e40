"""`underpass audit`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from underpass.broker.audit.reading import Filter, export, time_of, youngest
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import err, out, print_json, table, text
from underpass.cli.times import SINCE, time_of_words
from underpass.config import find_config, load_settings, state_dir
from underpass.errors import ConfigError, ValidationFailed

T = TypeVar("T")
_DECISIONS = ("allow", "ask", "deny", "allowed", "refused", "unanswered")


@click.group(epilog=examples("underpass audit show --decision refused", "underpass audit verify"))
def command() -> None:
    """Show and verify the record of runs, decisions and tool calls. `show` and `verify` have --json."""


@command.command(
    epilog=examples("underpass audit show --since 2h --server git", "underpass audit show --json")
)
@click.option("--run", help="Of this run.")
@click.option("--agent", help="Of this agent.")
@click.option("--server", help="About this server.")
@click.option("--tool", help="About the tools of this name.")
@click.option("--decision", type=click.Choice(_DECISIONS), help="What was decided, or what came of it.")
@click.option("--since", help=SINCE)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The youngest.")
@config_option
@json_option
def show(
    *,
    run: str | None,
    agent: str | None,
    server: str | None,
    tool: str | None,
    decision: str | None,
    since: str | None,
    limit: int,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show the youngest rows, the youngest last."""
    wanted = Filter(run, agent, server, tool, decision, None if since is None else time_of_words(since))
    folder, key = _folder(config), _key(config)
    rows = _read(lambda: youngest(folder, wanted, limit, key=key))
    if as_json:
        print_json({"rows": rows})
        return
    if not rows:
        out().print("no rows: `underpass run` makes some")
        return
    shown = table("time (UTC)", "run", "agent", "what", "about", "how")
    for row in rows:
        how, style = _how(row)
        shown.add_row(
            f"{time_of(row):%Y-%m-%d %H:%M:%S}",
            text(str(row.get("run") or "")),
            text(str(row.get("agent") or "")),
            text(str(row.get("kind"))),
            text(_about(row)),
            text(how, style),
        )
    out().print(shown)


@command.command(epilog=examples("underpass audit verify", "underpass audit verify --head 5cb1…"))
@click.option("--head", help="A hash that was printed before: its row, and all before it, have to be there.")
@config_option
@json_option
@click.pass_context
def verify(context: click.Context, *, head: str | None, config: Path | None, as_json: bool) -> None:
    """Find rows that were changed, removed, moved or inserted. The status is 1 where there are any.

    Who may write the files can write the whole record anew, unless it has a key (audit.key) or its head is
    noted elsewhere: print it now and then, and give it back with --head.
    """
    from underpass.broker.audit.verification import verify as look_through

    if head is not None and not re.fullmatch(r"[0-9a-f]{64}", head):
        raise ValidationFailed("--head takes the 64 hexadecimal digits that verify has printed")
    folder, key = _folder(config), _key(config, must_be_there=True)
    report = _read(lambda: look_through(folder, key=key, noted=head))
    if as_json:
        print_json(report.to_dict())
    else:
        for fault in report.faults:
            place = f"segment {fault.segment}" + (f", line {fault.line}" if fault.line else "")
            err().print(text(f"{place}: {fault.what}", "red"), soft_wrap=True)
        span = f"{report.rows:,} rows, {report.first:,} to {report.last:,}"
        state = "are as they were written" if report.ok else "are not as they were written"
        out().print(text(f"{span}, {state}", "green" if report.ok else "red"))
        if report.noted is not None:
            out().print(f"the noted hash is that of row {report.noted:,}")
        out().print(text(f"head: {report.hash}"), soft_wrap=True)
    if not report.ok:
        context.exit(1)


@command.command(name="export", epilog=examples("underpass audit export --format csv > audit.csv"))
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@config_option
def export_(*, format_: Literal["jsonl", "csv"], config: Path | None) -> None:
    """Print all rows: as they are, with their hashes, or as a table."""
    folder, key = _folder(config), _key(config)

    def write() -> None:
        for part in export(folder, format_, key=key):
            sys.stdout.buffer.write(part)
        sys.stdout.flush()

    _read(write)


def _about(row: dict[str, Any]) -> str:
    if row.get("server") or row.get("tool"):
        return f"{row.get('server')}.{row.get('tool')}"
    return str(row.get("language") or row.get("what") or "")


def _how(row: dict[str, Any]) -> tuple[str, str]:
    match row.get("kind"):
        case "decision":
            outcome = str(row.get("outcome"))
            rule = f" ({row['rule']})" if row.get("rule") else ""
            return f"{outcome}{rule}", "" if outcome == "allowed" else "red"
        case "call":
            reached = row.get("reached")
            how = "" if reached == "server" else "not sent" if reached == "nothing" else f"from the {reached}"
            parts = [str(row.get("error") or "ok"), f"{row.get('duration_ms')} ms", how]
            return ", ".join(part for part in parts if part), "red" if row.get("error") else ""
        case "began":
            attempt = row.get("attempt")
            return f"attempt {attempt}" if attempt != 1 else "", ""
        case "ended":
            cause = str(row.get("cause"))
            return cause, "" if cause == "ok" else "red"
        case "lost":
            return f"{row.get('rows')} rows could not be written", "red"
        case "pruned":
            return f"rows up to {row.get('last')} were removed: too old, or too many", ""
        case _:
            return "", ""


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"the audit trail cannot be read: {error}") from error


def _folder(config: Path | None) -> Path:
    folder = state_dir(config or find_config(Path.cwd()), Path.cwd()) / "audit"
    if not folder.is_dir():
        raise ValidationFailed(f"there is no audit trail at {folder}", hint="`underpass run` makes one")
    return folder


def _key(config: Path | None, *, must_be_there: bool = False) -> bytes:
    """The key of the trail's hashes. Who only reads can do without: see ``youngest``."""
    from underpass.broker.audit.key import audit_key

    config = config or find_config(Path.cwd())
    settings = load_settings(Path.cwd() if config is None else config.absolute().parent)
    try:
        return audit_key(settings.audit.key, state_dir(config, Path.cwd()))
    except ConfigError:
        if must_be_there:
            raise
        return b""
