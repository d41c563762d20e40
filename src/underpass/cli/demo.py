"""`underpass demo`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click

from underpass.cli.options import examples, json_option, sandbox_option, warn_if_unsandboxed
from underpass.cli.output import err, out, print_json, text
from underpass.cli.running import run_async
from underpass.cli.tour_view import show
from underpass.demo.setup import prepare, tidy
from underpass.demo.tour import Tour, tour
from underpass.server.definitions import definitions

_WIDEST = 110


@click.command(epilog=examples("underpass demo", "underpass demo --json", "underpass demo --keep"))
@click.option("--keep", is_flag=True, help="Keep the configuration, the modules and the repository.")
@sandbox_option
@json_option
def command(*, keep: bool, sandbox: str | None, as_json: bool) -> None:
    """Run three programs against three real MCP servers, and show what that saves.

    Reads the git repository you are in, or builds one when it has fewer than 50 commits. Everything is
    installed under .underpass/demo; no key and no network beyond a package registry is needed.
    """
    warn_if_unsandboxed(sandbox)
    folder = Path.cwd() / ".underpass" / "demo"
    try:
        shown = _tour(folder, sandbox)
        if as_json:
            print_json(shown.to_dict())
        else:
            _print(shown)
    finally:
        if folder.exists() and not keep:
            tidy(folder)
    if keep and not as_json:
        _next(folder)
    if not shown.ok:
        raise click.exceptions.Exit(1)


def _tour(folder: Path, sandbox: str | None) -> Tour:
    with _steps() as step:
        setting = prepare(folder, Path.cwd(), step)
        own = definitions(setting.names, {})
        return run_async(lambda: tour(setting, own, step, sandbox=sandbox))


def _print(shown: Tour) -> None:
    console = out()
    console.width = min(console.width, _WIDEST)
    if console.is_terminal:
        show(shown, console)
        return
    with console.capture() as captured:
        show(shown, console)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _next(folder: Path) -> None:
    config = (folder / ".mcp.json").relative_to(Path.cwd())
    out().print(
        text(f"kept in {folder.relative_to(Path.cwd())}; try: underpass tools --config {config}", "dim")
    )


@contextmanager
def _steps() -> Generator[Callable[[str], None]]:
    """Show each step on stderr: as a spinner to a terminal, else as a line."""
    console = err()
    if not console.is_terminal:
        yield lambda step: console.print(text(f"{step} …"))
        return
    with console.status("") as status:
        yield lambda step: status.update(text(step))
