"""`underpass add`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from underpass.catalog.edit import add_server
from underpass.cli.entries import shown_command
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, text
from underpass.config import CONFIG_NAME, find_config


def _pairs(_context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, separator, content = value.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE", param=parameter)
        pairs[name] = content
    return pairs


@click.command(
    epilog=examples(
        "underpass add git -- uvx mcp-server-git --repository .",
        "underpass add tickets --url https://tickets.example/mcp --header 'Authorization=Bearer ${TOKEN}'",
    )
)
@click.argument("name")
@click.argument("words", metavar="[-- COMMAND ARGS...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--url", help="The address of a server that speaks streamable HTTP.")
@click.option(
    "--header", "headers", multiple=True, callback=_pairs, help="KEY=VALUE, sent with each request."
)
@click.option("--env", multiple=True, callback=_pairs, help="KEY=VALUE, in the environment of the command.")
@click.option("--replace", is_flag=True, help="Overwrite a server of the same name.")
@config_option
@json_option
def command(
    *,
    name: str,
    words: tuple[str, ...],
    url: str | None,
    headers: dict[str, str],
    env: dict[str, str],
    replace: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Add a server to the configuration: a COMMAND to start, or a --url.

    ${VAR} and ${VAR:-default} in values are expanded when the server starts, so a secret can stay in
    the environment.
    """
    if bool(words) == bool(url):
        raise click.UsageError("give either a command after --, or --url")
    if headers and not url:
        raise click.UsageError("--header goes with --url")
    if env and url:
        raise click.UsageError("--env goes with a command")
    path = config or find_config(Path.cwd()) or Path(CONFIG_NAME)
    entry = _entry(words, url, headers, env)
    add_server(path, name, entry, replace=replace)
    if as_json:
        print_json({"path": str(path), "server": name, "command": shown_command(entry)})
        return
    out().print(text(f"{path}: {name} added: {shown_command(entry)}"), soft_wrap=True)
    out().print(text(f"next: underpass tools --server {name}", "dim"))


def _entry(
    words: tuple[str, ...], url: str | None, headers: dict[str, str], env: dict[str, str]
) -> dict[str, Any]:
    if url:
        return {"type": "http", "url": url} | ({"headers": headers} if headers else {})
    entry: dict[str, Any] = {"command": words[0], "args": list(words[1:])}
    return entry | ({"env": env} if env else {})
