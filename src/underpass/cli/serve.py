"""`underpass serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import anyio
import anyio.to_thread
import click

from underpass.cli.asynchronous import run_async
from underpass.cli.options import config_option, examples, json_option, sandbox_option
from underpass.config import find_config, state_dir
from underpass.server.opening import Opening, place_and_digest

_SWITCH_INTERVAL = 0.0005
"""Seconds. The thread that imports must let the answers through."""


@click.command(epilog=examples("underpass serve --config .mcp.json", "underpass serve --http 127.0.0.1:8765"))
@click.option("--http", "address", metavar="HOST:PORT", help="Serve over HTTP instead; port 0 takes any.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the token of --http is; default: $UNDERPASS_TOKEN, else one made in the state folder.",
)
@sandbox_option
@config_option
@json_option
def command(
    *, address: str | None, token_file: Path | None, sandbox: str | None, config: Path | None, as_json: bool
) -> None:
    """Serve all configured servers as one MCP server with six tools, over stdio or HTTP.

    \b
    In the configuration of an MCP client:
      {"mcpServers": {"underpass": {"command": "underpass", "args": ["serve"]}}}

    With --http, clients and generated modules connect to the URL that is printed, and send the token.

    Over stdio the protocol has standard output; --json prints the start-up message on stderr then, and
    on standard output with --http.
    """
    if token_file is not None and address is None:
        raise click.UsageError("--token-file is for --http")

    async def serve() -> None:
        if address is None:
            await _over_stdio(config, sandbox=sandbox, as_json=as_json)
        else:
            await _serving().over_http(config, address, token_file, sandbox=sandbox, as_json=as_json)

    run_async(serve)


async def _over_stdio(named: Path | None, *, sandbox: str | None, as_json: bool) -> None:
    config = named or find_config(Path.cwd())
    opening = Opening(*place_and_digest(config, state_dir(config, Path.cwd()), sandbox=sandbox))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(opening.answer)
            await anyio.to_thread.run_sync(_serving)
            await opening.end()
    finally:
        sys.setswitchinterval(interval)
    await _serving().over_stdio(opening, named, sandbox=sandbox, as_json=as_json)


def _serving() -> ModuleType:
    # This takes most of a second: the SDK alone takes more than half of one.
    from underpass.cli import serving

    return serving
