"""`terraphim-mcp`: the knowledge-graph server's command line."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import click

from terraphim.config import Config, Places, read_config
from terraphim.errors import TerraphimError
from terraphim.server.server import VERSION, server
from terraphim.service import Service
from terraphim.store import Store

_EPILOG = """\b
Examples:
  $ terraphim-mcp --kg ./kg --haystack ./notes
  $ terraphim-mcp --config roles.json
  $ terraphim-mcp --config roles.json --http 127.0.0.1:8000
"""
_FOLDER = click.Path(exists=True, file_okay=False, readable=True)


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Roles and haystacks in terraphim's JSON format.",
)
@click.option("--kg", type=_FOLDER, help="A folder of concepts: Markdown with synonyms:: lines.")
@click.option("--haystack", type=_FOLDER, help="The folder of Markdown to search; default: that of --kg.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="TERRAPHIM_CACHE",
    help="Where indexes are kept between starts; default: terraphim-mcp in the user's cache folder.",
)
@click.option("--http", "address", metavar="HOST:PORT", help="Serve over HTTP instead of stdio.")
@click.version_option(VERSION, message="terraphim-mcp %(version)s")
def command(
    *, config_file: Path | None, kg: str | None, haystack: str | None, cache: Path | None, address: str | None
) -> None:
    """Serve a knowledge graph and the notes it describes as an MCP server with seventeen tools.

    It speaks over stdio, or with --http over streamable HTTP at http://HOST:PORT/mcp. The roles come from
    a configuration, or --kg and --haystack make one.
    """
    if config_file is not None and (kg or haystack):
        raise click.UsageError("--config names the folders already: leave out --kg and --haystack")
    if config_file is not None:
        config, base = read_config(config_file), config_file.absolute().parent
    elif kg or haystack:
        config, base = Config.of_folders(kg=kg, haystack=haystack), Path.cwd()
    else:
        raise click.UsageError("say what to serve: --config FILE, or --kg FOLDER and --haystack FOLDER")
    service = Service(config, Places(base), Store(cache or _cache_folder()))
    if address is None:
        anyio.run(_over_stdio, service)
    else:
        # Whoever serves over stdio need not wait for the import of a web server.
        from terraphim.server.http import Address, serve

        anyio.run(serve, server(service), Address.parse(address), _say)


def main() -> None:
    """Run the command and exit: 0, or 2 for a mistake in the call or in a configuration."""
    try:
        command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except TerraphimError as error:
        _say(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)


async def _over_stdio(service: Service) -> None:
    from mcp.server.stdio import stdio_server

    # The SDK reads standard input in a thread that nothing can interrupt; nothing needs tidying up either.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_DFL)
    serving = server(service)
    async with stdio_server() as (reading, writing):
        await serving.run(reading, writing, serving.create_initialization_options())


def _cache_folder() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "terraphim-mcp"


def _say(text: str) -> None:
    click.echo(text, err=True)
