"""`underpass docs`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markdown import Markdown

from underpass.catalog.definition import ToolDefinition
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, plain, print_json, progress
from underpass.cli.running import configuration, observations, open_catalog, run_async
from underpass.codegen.documentation import document, signature
from underpass.discovery.directory import ToolDirectory


@click.command(epilog=examples("underpass docs git.git_log", "underpass docs git::git_log --json"))
@click.argument("tool")
@config_option
@json_option
def command(*, tool: str, config: Path | None, as_json: bool) -> None:
    """Show the documentation of a TOOL, named as server.tool."""
    path = configuration(config)
    definition = _find(tool, path)
    observed = observations(path)(definition)
    documentation = document(definition, observed=observed)
    if as_json:
        print_json(
            {
                "id": definition.id,
                "server": definition.server,
                "name": definition.name,
                "signature": signature(definition, observed=observed),
                "documentation": documentation,
            }
        )
        return
    console = out()
    if console.is_terminal:
        console.print(Markdown(plain(documentation), code_theme="ansi_dark"))
    else:
        click.echo(plain(documentation))


def _find(tool: str, path: Path | None) -> ToolDefinition:
    async def find() -> ToolDefinition:
        async with open_catalog(path) as catalog:
            return await ToolDirectory(catalog).tool(tool)

    with progress(f"Looking up {plain(tool)}…"):
        return run_async(find)
