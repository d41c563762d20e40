"""`underpass runs`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from underpass.broker.journal import RESUMABLE, CallRecord, JournalStore, RunRecord
from underpass.broker.journal.presence import Presence
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, plain, print_json, table, text
from underpass.config import find_config, state_dir
from underpass.errors import ConfigError, ValidationFailed

T = TypeVar("T")


@click.group(epilog=examples("underpass runs list", "underpass runs show 1m849mh2v0r5pnvf2"))
def command() -> None:
    """Show what runs did: their code, their calls, and how they ended. Each command has --json."""


@command.command(name="list", epilog=examples("underpass runs list", "underpass runs list --limit 100"))
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@config_option
@json_option
def list_(*, limit: int, config: Path | None, as_json: bool) -> None:
    """List the youngest runs, the youngest first. One that is undecided waits for a person."""
    store = _store(config)
    found = [(run, *_state(run, store)) for run in _read(lambda: store.runs(limit))]
    if as_json:
        shown = [
            {**run.to_dict(), "state": state, **({"undecided": calls} if calls else {})}
            for run, state, calls in found
        ]
        print_json({"runs": shown})
        return
    if not found:
        out().print("no runs yet: `underpass run` makes one")
        return
    rows = table("run", "begun (UTC)", "agent", "language", ">calls", "state")
    for run, state, _ in found:
        style = {"ok": "green", "running": ""}.get(state, "red")
        begun = f"{run.when:%Y-%m-%d %H:%M:%S}"
        rows.add_row(
            text(run.run, "bold"), begun, text(run.agent), run.language, f"{run.calls:,}", text(state, style)
        )
    out().print(rows)
    for run, _, calls in found:
        if calls:
            _print_command(run, calls)


@command.command(epilog=examples("underpass runs show 1m849mh2v0r5pnvf2"))
@click.argument("run")
@config_option
@json_option
def show(*, run: str, config: Path | None, as_json: bool) -> None:
    """Show the code and the calls of RUN. A call marked unknown may have happened or not."""
    store = _store(config)
    found = _read(lambda: store.find(run))
    if found is None:
        raise ValidationFailed(f"the journal has no run {run:.60}", hint="see `underpass runs list`")
    calls = _read(lambda: store.calls(run))
    kept = _read(lambda: store.result(run))
    result = None if kept is None else json.loads(kept)
    state, undecided = _state(found, store)
    if as_json:
        shown = [call.to_dict() for call in calls]
        facts = {**found.to_dict(), "state": state, "code": found.code, "calls": shown, "result": result}
        print_json({**facts, "undecided": undecided} if undecided else facts)
        return
    out().print(text(f"{run} · {found.when:%Y-%m-%d %H:%M:%S} UTC · agent {found.agent} · {state}", "bold"))
    out().print(text(found.code.rstrip("\n"), "dim"))
    if calls:
        rows = table(">call", "tool", "arguments", "state")
        for call in calls:
            name = text(f"{call.server}.{call.tool}")
            rows.add_row(str(call.sequence), name, text(call.arguments[:200]), _call_state(call))
        out().print(rows)
    if undecided:
        _print_command(found, undecided)
    if result is not None:
        value = result["value"] if result["error"] is None else result["error"]
        out().print(text("continued by itself; it came to", "dim"))
        click.echo(plain(json.dumps(value, indent=2, ensure_ascii=False)).encode("utf-8", "backslashreplace"))


def _call_state(call: CallRecord) -> str:
    if call.error is not None:
        return str(call.error.get("type", call.state))
    return str(call.to_dict()["state"])


def _state(run: RunRecord, store: JournalStore) -> tuple[str, list[int]]:
    """Return a run's state, and the calls that a person has to decide about before it can go on."""
    if run.cause is None and Presence(store.folder / "hosts").lives(run.host):
        return "running", []
    if (run.cause is None or run.cause in RESUMABLE) and run.session is None and run.calls:
        calls = [call.sequence for call in _read(lambda: store.calls(run.run)) if call.unknown]
        if calls:
            return "undecided", calls
    return run.cause or "died", []


def _print_command(run: RunRecord, calls: list[int]) -> None:
    decisions = " ".join(f"--call-again {number}" for number in calls)
    out().print(
        text(f"look whether it has happened: underpass resume {run.run} {decisions}", "dim"), soft_wrap=True
    )


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except OSError as error:
        raise ConfigError(f"the journal cannot be read: {error}") from error


def _store(config: Path | None) -> JournalStore:
    return JournalStore(state_dir(config or find_config(Path.cwd()), Path.cwd()) / "journal")
