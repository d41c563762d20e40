"""`underpass workspace`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, progress, table, text
from underpass.config import find_config, load_settings, state_dir
from underpass.errors import ValidationFailed
from underpass.workspace.checkpoints import Checkpoint, Checkpoints, Difference
from underpass.workspace.usage import measure

_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_SHOWN = 50
"""Differences that are listed; --json lists all."""

agent_option = click.option(
    "--agent", default="default", show_default=True, help="Whose workspace; a run names it with --agent."
)


@click.group(
    epilog=examples(
        "underpass workspace checkpoint before-filter",
        "underpass workspace diff before-filter",
        "underpass workspace restore before-filter",
    )
)
def command() -> None:
    """Look into agents' files, keep their state, and restore it.

    A checkpoint is what an agent's files were at a moment. It is kept in the state folder, each content
    once, out of the reach of programs. Each command has --json.
    """


@command.command(name="list", epilog=examples("underpass workspace list"))
@config_option
@json_option
def list_(*, config: Path | None, as_json: bool) -> None:
    """List the agents, what their files take, and how many checkpoints they have."""
    checkpoints, workspaces, most = _open(config)
    found = [
        (agent, measure(workspaces / agent, most), checkpoints.list(agent)) for agent in checkpoints.agents()
    ]
    if as_json:
        rows = [
            {"agent": agent, "files": usage.files, "bytes": usage.bytes, "checkpoints": len(kept)}
            for agent, usage, kept in found
        ]
        print_json({"agents": rows})
        return
    if not found:
        out().print("no agent has a workspace yet: run a program with `underpass run`")
        return
    shown = table("agent", ">files", ">size", ">checkpoints")
    for agent, usage, kept in found:
        shown.add_row(text(agent, "bold"), f"{usage.files:,}", _size(usage.bytes), f"{len(kept):,}")
    out().print(shown)


@command.command(epilog=examples("underpass workspace show", "underpass workspace show --agent reviewer"))
@agent_option
@config_option
@json_option
def show(*, agent: str, config: Path | None, as_json: bool) -> None:
    """List an agent's checkpoints, the oldest first."""
    found = _open(config)[0].list(agent)
    if as_json:
        print_json({"agent": agent, "checkpoints": [_facts(checkpoint) for checkpoint in found]})
        return
    if not found:
        out().print(text(f"{agent} has no checkpoints: `underpass workspace checkpoint NAME` makes one"))
        return
    shown = table("checkpoint", "made (UTC)", ">files", ">size", ">new")
    for each in found:
        name = text(each.name, "dim" if each.automatic else "bold")
        when = f"{each.when:%Y-%m-%d %H:%M:%S}"
        shown.add_row(name, when, f"{each.files:,}", _size(each.bytes), _size(each.added))
    out().print(shown)


@command.command(epilog=examples("underpass workspace checkpoint before-filter"))
@click.argument("name")
@agent_option
@config_option
@json_option
def checkpoint(*, name: str, agent: str, config: Path | None, as_json: bool) -> None:
    """Keep what an agent's files are now, as NAME. A name in use stands for the new one then."""
    with progress("keeping …"):
        made = _open(config)[0].create(agent, name)
    if as_json:
        print_json({"agent": agent, **_facts(made)})
    else:
        out().print(
            text(f"{made.name}: {_count(made.files, 'file')}, {_size(made.bytes)}, {_size(made.added)} new")
        )


@command.command(epilog=examples("underpass workspace restore before-filter"))
@click.argument("name")
@agent_option
@config_option
@json_option
def restore(*, name: str, agent: str, config: Path | None, as_json: bool) -> None:
    """Make an agent's files what they were at NAME. What they are now is kept first."""
    with progress("restoring …"):
        done = _open(config)[0].restore(agent, name)
    if as_json:
        before = None if done.before is None else done.before.name
        print_json({"agent": agent, "checkpoint": name, "before": before, "changes": _changes(done.changes)})
    elif done.before is None:
        out().print(text(f"nothing to do: the files are as they were at {name}"))
    else:
        out().print(text(f"{name}: {_count(len(done.changes), 'path')} restored"))
        out().print(text(f"what was there is kept as {done.before.name}", "dim"))


@command.command(epilog=examples("underpass workspace diff before-filter", "underpass workspace diff a b"))
@click.argument("name")
@click.argument("other", required=False)
@agent_option
@config_option
@json_option
def diff(*, name: str, other: str | None, agent: str, config: Path | None, as_json: bool) -> None:
    """List what has changed since NAME, or from NAME to OTHER."""
    found = _open(config)[0].diff(agent, name, other)
    if as_json:
        print_json({"agent": agent, "changes": _changes(found)})
        return
    if not found:
        out().print("no difference")
    for change in found[:_SHOWN]:
        sign, style = _SIGNS[change.how]
        sizes = [_size(size) for size in (change.before, change.after) if size is not None]
        out().print(text(f"{sign} {change.path}", style), text(" → ".join(sizes), "dim"), soft_wrap=True)
    if len(found) > _SHOWN:
        out().print(text(f"… and {len(found) - _SHOWN:,} more; --json lists all", "dim"))


@command.command(epilog=examples("underpass workspace delete before-filter"))
@click.argument("name")
@agent_option
@config_option
@json_option
def delete(*, name: str, agent: str, config: Path | None, as_json: bool) -> None:
    """Forget a checkpoint. `gc` frees its room later."""
    _open(config)[0].delete(agent, name)
    if as_json:
        print_json({"agent": agent, "deleted": name})
    else:
        out().print(text(f"{name} is forgotten"))


@command.command(epilog=examples("underpass workspace export before-filter files.tar.gz"))
@click.argument("name")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@agent_option
@config_option
@json_option
def export(*, name: str, target: Path, agent: str, config: Path | None, as_json: bool) -> None:
    """Write a checkpoint's files as a compressed tar archive."""
    with progress("writing …"):
        files = _open(config)[0].export(agent, name, target)
    if as_json:
        print_json({"agent": agent, "checkpoint": name, "path": str(target), "files": files})
    else:
        out().print(text(f"{target}: {_count(files, 'file')}"))


@command.command(epilog=examples("underpass workspace gc", "underpass workspace gc --grace 0"))
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=3_600.0,
    show_default=True,
    help="Younger contents stay, in seconds.",
)
@config_option
@json_option
def gc(*, grace: float, config: Path | None, as_json: bool) -> None:
    """Remove the contents that no checkpoint holds any more. It happens by itself once a day."""
    with progress("collecting …"):
        done = _open(config)[0].collect(grace=grace)
    if as_json:
        print_json(asdict(done))
    else:
        out().print(f"{_count(done.contents, 'content')} removed, {_size(done.bytes)} free")


@command.command(epilog=examples("underpass workspace verify"))
@config_option
@json_option
@click.pass_context
def verify(context: click.Context, *, config: Path | None, as_json: bool) -> None:
    """Read every checkpoint whole, and say what is missing or damaged; exit 1 when something is."""
    checkpoints = _open(config)[0]
    with progress("reading …"):
        problems = checkpoints.verify()
    if as_json:
        print_json({"problems": [asdict(problem) for problem in problems]})
    else:
        for each in problems:
            where = f"{each.agent} {each.checkpoint}" + (f" {each.path}" if each.path else "")
            out().print(text(f"{where}: {each.what}", "red"), soft_wrap=True)
        if not problems:
            count = sum(len(checkpoints.list(agent)) for agent in checkpoints.agents())
            out().print(f"{_count(count, 'checkpoint')}, all whole")
    if problems:
        context.exit(1)


def _open(config: Path | None) -> tuple[Checkpoints, Path, int]:
    """Return the checkpoints, the folder of the workspaces, and how many files one may have."""
    path = config or find_config(Path.cwd())
    if path is not None and not path.is_file():
        raise ValidationFailed(f"there is no configuration file {path}", hint="`underpass init` writes one")
    state = state_dir(path, Path.cwd())
    settings = load_settings(state.parent if path is None else path.absolute().parent).workspace
    workspaces = state.parent / "workspace"
    return Checkpoints(workspaces, state, settings), workspaces, settings.max_files


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    return {**asdict(checkpoint), "created": checkpoint.when.isoformat(timespec="milliseconds")}


def _changes(changes: tuple[Difference, ...] | list[Difference]) -> list[dict[str, Any]]:
    return [asdict(change) for change in changes]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _size(count: int) -> str:
    if count < 1_000:
        return f"{count} B"
    for unit, words in ((1e6, "kB"), (1e9, "MB")):
        if count < unit:
            return f"{count / unit * 1e3:.1f} {words}"
    return f"{count / 1e9:.2f} GB"
