"""`underpass cache`."""

from __future__ import annotations

from pathlib import Path

import click

from underpass.broker.cache.inventory import clear as forget
from underpass.broker.cache.inventory import inventory
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, table, text
from underpass.config import find_config, load_settings, state_dir
from underpass.errors import ConfigError


@click.group(epilog=examples("underpass cache show", "underpass cache clear"))
def command() -> None:
    """Show and forget the results that are kept of calls and runs. Each command has --json."""


@command.command(epilog=examples("underpass cache show", "underpass cache show --json"))
@config_option
@json_option
def show(*, config: Path | None, as_json: bool) -> None:
    """Show what is kept on disk, by tool, and by agent for whole runs.

    A result is stale when its time is over, or when something was written to its server since.
    """
    found = inventory(_folder(config))
    if as_json:
        print_json({"kept": [group.to_dict() for group in found]})
        return
    if not found:
        chosen = config or find_config(Path.cwd())
        settings = load_settings(Path.cwd() if chosen is None else chosen.absolute().parent).cache
        hint = "" if settings.is_used else ": name tools that only read under [cache] in underpass.toml"
        out().print(text(f"nothing is kept{hint}"))
        return
    rows = table("what", "of", ">good", ">stale", ">kB")
    for group in found:
        kind = "calls" if group.kind == "call" else "runs of agent"
        kilobytes = f"{group.bytes / 1000:,.0f}"
        rows.add_row(kind, text(group.about, "bold"), f"{group.good:,}", f"{group.stale:,}", kilobytes)
    out().print(rows)


@command.command(epilog=examples("underpass cache clear"))
@config_option
@json_option
def clear(*, config: Path | None, as_json: bool) -> None:
    """Forget everything that is kept, in processes that run as well."""
    folder = _folder(config)
    try:
        count = forget(folder)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be removed: {error}", path=str(folder)) from error
    if as_json:
        print_json({"forgotten": count})
    else:
        out().print(text(f"forgotten: {count:,} result{'' if count == 1 else 's'}"))


def _folder(config: Path | None) -> Path:
    return state_dir(config or find_config(Path.cwd()), Path.cwd()) / "cache"
