"""`underpass generate`, also installed as `mcp-codegen`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from underpass.catalog.definition import Finding, Listing
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import err, out, print_json, progress, text
from underpass.cli.running import chosen, configuration, observations, open_catalog, run_async
from underpass.codegen.manifest import read_manifest
from underpass.codegen.names import identifiers
from underpass.codegen.observed import unobserved
from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage
from underpass.discovery.directory import ToolDirectory
from underpass.errors import ServerUnavailable


@click.command(
    epilog=examples(
        "underpass generate --format python --output ./mcp_servers",
        "underpass generate --output ./mcp_servers --server git",
        "underpass generate --output ./mcp_servers --manifest tools.jsonl",
    )
)
@click.option(
    "--format",
    "language",
    type=click.Choice(["python"]),
    default="python",
    show_default=True,
    help="The language of the modules.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder of the package; made if absent.",
)
@click.option("--server", help="This server only.")
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read tool definitions from this JSON-lines file; no server is started.",
)
@config_option
@json_option
def command(
    *,
    language: str,
    output: Path,
    server: str | None,
    manifest: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Write the servers' tools as an importable, typed package.

    Name the output folder mcp_servers: that is the name programs import. Exit status 1 when a server
    could not be listed; the others are written all the same.
    """
    if manifest:
        listings, errors = chosen(read_manifest(manifest), server), {}
        observed = unobserved
    else:
        path = configuration(config)
        listings, errors = _listings(path, server)
        observed = observations(path)
    package = PythonPackage(listings, observed=observed)
    with progress("Generating modules…"):
        # A server that cannot be asked just now keeps the modules that it has.
        unreached = identifiers([*listings, *errors], "server")
        written = write_package(package.files(), output, keep=[unreached[name] for name in errors])
    files = len(written.written) + len(written.unchanged)
    tools = sum(len(listing.tools) for listing in listings.values())
    findings = [
        *(finding for listing in listings.values() for finding in listing.findings),
        *package.findings,
    ]
    if as_json:
        print_json(
            {
                "format": language,
                "output": str(output),
                "files": files,
                "changed": len(written.written) + len(written.removed),
                "servers": {name: package.packages[name] for name in sorted(listings)},
                "tools": tools,
                "findings": [asdict(finding) for finding in findings],
                "errors": errors,
            }
        )
    else:
        _report(findings, errors)
        out().print(text(f"{output}: {tools} tools of {len(listings)} servers in {files} files"))
    if errors:
        raise click.exceptions.Exit(1)


def _report(findings: list[Finding], errors: Mapping[str, str]) -> None:
    for name, message in errors.items():
        err().print(text(f"{name}: {message}", "red"), soft_wrap=True)
    for finding in findings:
        line = f"{finding.server}.{finding.tool} {finding.action}: {finding.reason}"
        err().print(text(line, "yellow"), soft_wrap=True)


def _listings(path: Path | None, server: str | None) -> tuple[dict[str, Listing], dict[str, str]]:
    async def ask() -> Mapping[str, Listing | ServerUnavailable]:
        async with open_catalog(path) as catalog:
            if server is None:
                return await catalog.listings()
            name = ToolDirectory(catalog).server(server)
            return {name: await catalog.listing(name)}

    with progress("Asking the servers for their tools…"):
        answers = run_async(ask)
    listings = {name: answer for name, answer in answers.items() if isinstance(answer, Listing)}
    errors = {name: answer.message for name, answer in answers.items() if not isinstance(answer, Listing)}
    return listings, errors
