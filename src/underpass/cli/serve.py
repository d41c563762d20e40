"""`underpass serve`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from underpass import Underpass
from underpass.cli.options import config_option, examples, json_option, sandbox_option, warn_if_unsandboxed
from underpass.cli.running import configuration, run_async
from underpass.server.facade import facade
from underpass.server.stdio import protocol_streams


@click.command(epilog=examples("underpass serve --config .mcp.json"))
@sandbox_option
@config_option
@json_option
def command(*, sandbox: str | None, config: Path | None, as_json: bool) -> None:
    """Serve all configured servers as one MCP server with four tools, over stdio.

    \b
    In the configuration of an MCP client:
      {"mcpServers": {"underpass": {"command": "underpass", "args": ["serve"]}}}

    Standard output carries the protocol; --json prints the start-up message on stderr as JSON.
    """
    path = configuration(config)

    async def serve() -> None:
        async with Underpass.open(path, sandbox=sandbox) as up:
            warn_if_unsandboxed(up.settings.sandbox.tier)
            environments = up.settings.sandbox.environments
            server = facade(up, {name: chosen.packages for name, chosen in environments.items()})
            _announce(up.catalog.names, as_json=as_json)
            async with protocol_streams() as (reading, writing):
                await server.run(reading, writing, server.create_initialization_options())

    run_async(serve)


def _announce(servers: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"serving": list(servers), "transport": "stdio"}), err=True)
    elif sys.stderr.isatty():
        click.echo(f"serving {len(servers)} servers over stdio; Ctrl-C ends it", err=True)
