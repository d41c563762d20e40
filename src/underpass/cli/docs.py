"""`underpass docs`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click
from rich.markdown import Markdown

from underpass.catalog.definition import ToolDefinition
from underpass.cli.listings import FileListings, ask_servers, report
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, plain, print_json, progress, text
from underpass.cli.running import chosen, configuration, observations, open_catalog, run_async
from underpass.cli.terms import counted
from underpass.codegen.calls import Language
from underpass.codegen.documentation import ToolFacts, document, signature
from underpass.codegen.documentation_site import DocumentationSite, folders
from underpass.codegen.manifest import read_manifest
from underpass.codegen.observed import Observations, unobserved
from underpass.codegen.package import write_package
from underpass.discovery import ToolIndex
from underpass.discovery.directory import ToolDirectory
from underpass.discovery.facts import tool_facts


@click.command(
    epilog=examples(
        "underpass docs git.git_log",
        "underpass docs git.git_log --language typescript --full",
        "underpass docs --output ./tool-docs",
        "underpass docs --output ./tool-docs --manifest tools.jsonl --language both",
    )
)
@click.argument("tool", required=False)
@click.option(
    "--language",
    type=click.Choice(["python", "typescript", "both"]),
    default="python",
    show_default=True,
    help="Of signatures and examples.",
)
@click.option("--full", is_flag=True, help="Leave nothing out; by default a page has at most 600 tokens.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write full pages of all tools, and pages that lead to them, into this folder.",
)
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read tool definitions from this JSON-lines file; no server is started.",
)
@config_option
@json_option
def command(
    *,
    tool: str | None,
    language: Literal["python", "typescript", "both"],
    full: bool,
    output: Path | None,
    manifest: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show the documentation of a TOOL, named as server.tool, or write that of all tools.

    With --output, pages of tools that are gone are removed, and files that were not generated are never
    touched. Exit status 1 when a server could not be listed; its pages stay as they are.
    """
    if (tool is None) == (output is None):
        raise click.UsageError("name either a TOOL or an --output folder")
    if output is not None:
        if full:
            raise click.UsageError("--full goes with a TOOL; the pages of a folder are full already")
        languages: list[Language] = ["python", "typescript"] if language == "both" else [language]
        _write(output, languages, manifest, config, as_json=as_json)
    elif tool is not None:
        if language == "both":
            raise click.UsageError("--language both goes with --output; choose one for a TOOL")
        _show(tool, language, manifest, config, full=full, as_json=as_json)


def _show(
    tool: str,
    language: Language,
    manifest: Path | None,
    config: Path | None,
    *,
    full: bool,
    as_json: bool,
) -> None:
    if manifest:
        known = read_manifest(manifest)
        definition, facts = run_async(lambda: _looked_up(ToolDirectory(FileListings(known)), tool))
        observed = None
    else:
        path = configuration(config)
        definition, facts = _find(tool, path)
        observed = observations(path)(definition)
    documentation = document(
        definition, language, detail="full" if full else "brief", facts=facts, observed=observed
    )
    if as_json:
        print_json(
            {
                "id": definition.id,
                "server": definition.server,
                "name": definition.name,
                "signature": signature(definition, language, observed=observed),
                "category": facts.category,
                "capabilities": list(facts.capabilities),
                "documentation": documentation,
            }
        )
        return
    console = out()
    if console.is_terminal:
        console.print(Markdown(plain(documentation), code_theme="ansi_dark", hyperlinks=False))
    else:
        click.echo(plain(documentation))


def _find(tool: str, path: Path | None) -> tuple[ToolDefinition, ToolFacts]:
    async def find() -> tuple[ToolDefinition, ToolFacts]:
        async with open_catalog(path) as catalog:
            return await _looked_up(ToolDirectory(catalog), tool)

    with progress(f"Looking up {plain(tool)}…"):
        return run_async(find)


async def _looked_up(directory: ToolDirectory, tool: str) -> tuple[ToolDefinition, ToolFacts]:
    definition = await directory.tool(tool)
    return definition, await directory.facts(definition)


def _write(
    output: Path, languages: list[Language], manifest: Path | None, config: Path | None, *, as_json: bool
) -> None:
    errors: dict[str, str] = {}
    observed: Observations = unobserved
    if manifest:
        listings = chosen(read_manifest(manifest), None)
    else:
        path = configuration(config)
        listings, errors = ask_servers(path)
        observed = observations(path)
    site = DocumentationSite(listings, languages, observed=observed)
    with progress("Writing documentation…"):
        index = ToolIndex.build(site.tools)
        pages = site.files(lambda tool: tool_facts(index, tool))
        # A server that cannot be asked just now keeps the pages that it has.
        unreached = folders([*listings, *errors])
        written = write_package(pages, output, keep=[unreached[name] for name in errors])
    findings = [*(finding for listing in listings.values() for finding in listing.findings), *site.findings]
    tools = len(list(site.tools))
    if as_json:
        print_json(
            {
                "output": str(output),
                "languages": languages,
                "files": len(pages),
                "changed": len(written.written) + len(written.removed),
                "servers": len(listings),
                "tools": tools,
                "findings": [asdict(finding) for finding in findings],
                "errors": errors,
            }
        )
    else:
        report(findings, errors)
        found = f"{counted(tools, 'tool')} of {counted(len(listings), 'server')}"
        out().print(text(f"{output / 'index.md'}: {found} in {counted(len(pages), 'page')}"))
    if errors:
        raise click.exceptions.Exit(1)
