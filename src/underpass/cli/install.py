"""`underpass install`."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import click

from underpass.catalog.clients import CLIENTS, Scope, Surroundings
from underpass.catalog.registration import Registration, plan_registration
from underpass.catalog.servers_file import load_servers
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import err, highlighted, out, print_json, text
from underpass.config import CONFIG_NAME, find_config
from underpass.errors import ConfigError


@click.command(
    epilog=examples(
        "underpass install claude-code --dry-run",
        "underpass install cursor --scope user",
        "underpass install codex --config ~/agents/servers.json",
    )
)
@click.argument("client", type=click.Choice(list(CLIENTS)))
@click.option(
    "--scope",
    type=click.Choice(["project", "user"]),
    help="This project's file, or yours for all projects; default: the project's where the client has one.",
)
@click.option("--dry-run", is_flag=True, help="Show the change as a diff, and write nothing.")
@config_option
@json_option
def command(*, client: str, scope: Scope | None, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Make a coding agent use Underpass: write the entry for `underpass serve` into its configuration.

    Comments, the order and all other entries stay. The old file is kept beside it, as FILE.bak. Doing it
    again changes nothing.
    """
    path = (config or find_config(Path.cwd()) or Path(CONFIG_NAME)).absolute()
    load_servers(path)  # an agent would only see that the server does not start
    here = Surroundings(Path.home(), Path.cwd(), os.environ, sys.platform)
    target = CLIENTS[client].file(scope, here)
    planned = plan_registration(CLIENTS[client], target, _executable(), ["serve", "--config", str(path)])
    backup = planned.write() if planned.changed and not dry_run else None
    if as_json:
        print_json(
            {
                "client": client,
                "path": str(target),
                "changed": planned.changed,
                "written": planned.changed and not dry_run,
                "backup": str(backup) if backup else None,
                "diff": planned.diff(),
                "other_servers": list(planned.others),
            }
        )
        return
    _show(planned, backup, dry_run=dry_run)
    if planned.changed:
        _advise(client, path, planned, dry_run=dry_run)


def _executable() -> str:
    """Return this program's absolute path, by the name that stays when it is updated."""
    called = Path(sys.argv[0])
    if called.stem == "underpass" and called.is_file():
        return str(called.absolute())
    beside = shutil.which("underpass", path=sysconfig.get_path("scripts")) or shutil.which("underpass")
    if beside is None:
        raise ConfigError("there is no program `underpass` here", hint="install it with pip, uv or pipx")
    return str(Path(beside).absolute())


def _show(planned: Registration, backup: Path | None, *, dry_run: bool) -> None:
    if not planned.changed:
        out().print(text(f"{planned.path}: the entry is there already"), soft_wrap=True)
    elif dry_run:
        shown = highlighted(planned.diff(), "diff") if sys.stdout.isatty() else text(planned.diff())
        out().print(shown, soft_wrap=True)
        out().print(text("nothing was written", "dim"))
    else:
        out().print(text(f"{planned.path}: written"), soft_wrap=True)
        if backup:
            out().print(text(f"the file as it was: {backup}"), soft_wrap=True)


def _advise(client: str, config: Path, planned: Registration, *, dry_run: bool) -> None:
    title = CLIENTS[client].title
    if client == "claude-code" and config.name == CONFIG_NAME:
        warning = (
            f"Claude Code reads {CONFIG_NAME} itself, and would start its servers beside Underpass:"
            f" do `mv {CONFIG_NAME} servers.json`, then `underpass install claude-code --config servers.json`"
        )
        err().print(text(f"warning: {warning}", "yellow"), soft_wrap=True)
    elif planned.others:
        what = f"{title} still has {len(planned.others)} other servers there ({', '.join(planned.others)})"
        out().print(
            text(f"{what}: `underpass init` takes them over; then remove them there", "dim"), soft_wrap=True
        )
    out().print(text(f"next: {'do it without --dry-run' if dry_run else f'restart {title}'}", "dim"))
