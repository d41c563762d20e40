"""What several commands have in common: options, and the examples under their help."""

from __future__ import annotations

import sys
from pathlib import Path

import click

config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration file; default: .mcp.json here or in a folder above.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
sandbox_option = click.option(
    "--sandbox",
    type=click.Choice(["process", "none"]),
    help="The isolation, process by default; none is for trusted code only.",
)


def examples(*lines: str) -> str:
    """Return the epilog of a command's help."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  $ {line}" for line in lines)])


def warn_if_unsandboxed(tier: str | None) -> None:
    """Say on stderr that code runs without isolation, when it does."""
    if tier == "none":
        click.secho(
            "warning: sandbox none: the code runs with your rights, without isolation",
            fg="yellow",
            err=True,
            color=None if sys.stderr.isatty() else False,
        )
