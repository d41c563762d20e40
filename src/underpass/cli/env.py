"""`underpass env`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import err, out, print_json, text
from underpass.cli.running import run_async
from underpass.cli.terms import bytes_
from underpass.config import Settings, find_config, load_settings, state_dir
from underpass.environments import store
from underpass.environments.build import Report, exclusive
from underpass.environments.build import build as build_environment
from underpass.errors import ConfigError

_STYLES = {"built": "green", "outdated": "yellow", "not built": "yellow"}


@dataclass(frozen=True, slots=True)
class _Project:
    settings: Settings
    state: Path
    owned: bool
    """Whether no other project's environments are in the state folder."""


@click.group(
    epilog=examples("underpass env build data", "underpass env list --json", "underpass env rm data")
)
def command() -> None:
    """Build and remove the packages that programs can import.

    underpass.toml, beside the configuration in use, says which environments there are:

    \b
      [sandbox.environments.data]
      packages = ["pandas", "numpy"]
      preload = ["pandas"]

    Each command has --json.
    """


@command.command(epilog=examples("underpass env build data"))
@click.argument("name")
@config_option
@json_option
def build(*, name: str, config: Path | None, as_json: bool) -> None:
    """Install the packages of environment NAME.

    The first build writes underpass-env-NAME.txt beside underpass.toml: exact versions with hashes, to be
    committed. Later builds install exactly that, until the packages in underpass.toml change.
    """
    project = _project(config)
    with _reporting() as report:
        built = run_async(lambda: build_environment(name, project.settings, project.state, report))
    if built.lock_change == "refreshed":
        why = f"the packages of {name} changed in underpass.toml: {built.lock} was resolved again"
        err().print(text(why, "yellow"), soft_wrap=True)
    if as_json:
        print_json(
            {
                "name": built.name,
                "path": str(built.path),
                "lock": str(built.lock),
                "lock_change": built.lock_change,
                "installed": built.fresh,
                "pins": list(built.pins),
            }
        )
        return
    if built.lock_change == "made":
        out().print(text(f"{built.lock} written: commit it"), soft_wrap=True)
    done = "built" if built.fresh else "already built"
    out().print(text(f"{name} {done}: {', '.join(built.pins)}"), soft_wrap=True)
    out().print(text(f"next: underpass run --environment {name} program.py", "dim"))


@command.command(name="list", epilog=examples("underpass env list", "underpass env list --json"))
@config_option
@json_option
def list_(*, config: Path | None, as_json: bool) -> None:
    """List the configured environments, and whether they are built."""
    project = _project(config)
    found = store.statuses(project.settings, project.state)
    if as_json:
        print_json(
            {
                "environments": [
                    {
                        "name": status.name,
                        "packages": list(status.packages),
                        "preload": list(status.preload),
                        "state": status.state,
                        "path": None if status.path is None else str(status.path),
                        "bytes": status.size,
                    }
                    for status in found
                ]
            }
        )
        return
    if not found:
        err().print(
            text("no environments: underpass.toml has no [sandbox.environments.NAME]"), soft_wrap=True
        )
    width = max((len(status.name) for status in found), default=0)
    for status in found:
        line = text(f"{status.name.ljust(width)}  ", "bold")
        line.append_text(text(status.state.ljust(9), _STYLES[status.state]))
        size = bytes_(status.size) if status.path else ""
        line.append_text(text(f"  {size:>8}  {', '.join(status.packages)}"))
        out().print(line, soft_wrap=True)
    if missing := next((status.name for status in found if status.state != "built"), None):
        out().print(text(f"next: underpass env build {missing}", "dim"))


@command.command(epilog=examples("underpass env rm data"))
@click.argument("name")
@config_option
@json_option
def rm(*, name: str, config: Path | None, as_json: bool) -> None:
    """Remove the built packages of environment NAME, and those that no environment uses any more.

    The lock stays, so that the next build installs the same again.
    """
    project = _project(config)

    async def remove() -> int:
        async with exclusive(project.state):
            return store.remove(name, project.settings, project.state, owned=project.owned)

    freed = run_async(remove)
    if as_json:
        print_json({"name": name, "freed_bytes": freed})
    else:
        out().print(text(f"{name} removed: {bytes_(freed)} freed" if freed else f"{name} was not built"))


def _project(config: Path | None) -> _Project:
    path = config or find_config(Path.cwd())
    if path is not None and not path.is_file():
        raise ConfigError(
            f"there is no configuration file {path}", hint="`underpass init` writes one", path=str(path)
        )
    folder = path.absolute().parent if path else Path.cwd()
    state = state_dir(path, Path.cwd())
    return _Project(load_settings(folder), state, owned=state.parent == folder)


@contextmanager
def _reporting() -> Generator[Report]:
    """Show the step that is going on, on stderr and only to a terminal."""
    console = err()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("Building…") as status:
        yield lambda step: status.update(text(step))
