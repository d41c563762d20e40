"""`underpass tools`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anyio
import click
from rich.table import Table

from underpass.catalog.catalog import Catalog
from underpass.catalog.crossing import EACH, crossings
from underpass.catalog.definition import Listing, ToolDefinition
from underpass.cli.listings import FileListings
from underpass.cli.news import news
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import err, out, print_json, progress, text
from underpass.cli.running import chosen, configuration, observations, open_catalog, run_async
from underpass.codegen.documentation import Language, signature
from underpass.codegen.manifest import read_manifest
from underpass.codegen.names import identifiers
from underpass.codegen.observed import Observations, unobserved
from underpass.config import find_config, load_settings, state_dir
from underpass.discovery import minilm
from underpass.discovery.directory import ListingSource, ToolDirectory
from underpass.discovery.embeddings import Embeddings
from underpass.discovery.hit import Hit, summary
from underpass.discovery.request import SearchRequest
from underpass.errors import ServerUnavailable
from underpass.skills.search.hit import SkillHit

_Search = Callable[[ToolDirectory, Embeddings | None], Awaitable[Sequence[Hit | SkillHit]]]

_PATIENCE = 3.0
"""Seconds for vectors that are not kept yet; those of about 400 tools take as long."""

_NAMED = 5
"""Names that a line has at most."""

_MARKS = {
    "known": ("●", "dim"),
    "started": ("●", "green"),
    "in use": ("●", "green"),
    "failed": ("●", "red"),
}


@click.command(
    epilog=examples(
        "underpass tools",
        'underpass tools "commit history" --json',
        'underpass tools "commit history" --skills',
        "underpass tools --server git",
    )
)
@click.argument("query", required=False)
@click.option("--server", help="This server only.")
@click.option("--category", help="Find tools of this category only.")
@click.option("--capability", "capabilities", multiple=True, help="Find tools that have it; repeatable.")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many hits.")
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read tool definitions from this JSON-lines file instead of asking servers.",
)
@click.option(
    "--language",
    type=click.Choice(["python", "typescript"]),
    default="python",
    show_default=True,
    help="Of signatures.",
)
@click.option("--refresh", is_flag=True, help="Ask the servers, whatever is known of their tools.")
@click.option("--skills", is_flag=True, help="Find skills as well, in one ranking with the tools.")
@click.option("--agent", default="default", show_default=True, help="With --skills: whose.")
@config_option
@json_option
def command(
    *,
    query: str | None,
    server: str | None,
    category: str | None,
    capabilities: tuple[str, ...],
    limit: int,
    manifest: Path | None,
    language: Language,
    refresh: bool,
    skills: bool,
    agent: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """List the servers with their tools; with a QUERY, the tools that fit it best.

    Words of a QUERY are matched with names, descriptions and parameters; naming the server helps.
    """
    if skills:
        if query is None or manifest or server or category or capabilities:
            raise click.UsageError("--skills goes with a QUERY, and with no filter or manifest")
        request = SearchRequest(query, limit=limit, skills=True)
        _show_found(
            _search_servers(config, _beside(config, request, agent), refresh=refresh), language, as_json
        )
        return
    if query is not None or category is not None or capabilities:

        def search(directory: ToolDirectory, _: Embeddings | None) -> Awaitable[Sequence[Hit]]:
            return directory.search(
                query or "", server=server, category=category, capabilities=capabilities, limit=limit
            )

        found = (
            _search_manifest(manifest, search)
            if manifest
            else _search_servers(config, search, refresh=refresh)
        )
        _show_found(found, language, as_json)
        return
    servers = (
        _from_manifest(manifest, server, language)
        if manifest
        else _from_servers(config, server, language, refresh=refresh)
    )
    if as_json:
        print_json({"servers": servers})
    else:
        _show_servers(servers, with_tools=server is not None)


@dataclass(frozen=True, slots=True)
class _Found:
    hits: Sequence[Hit | SkillHit]
    servers: Sequence[str]
    """The names of all servers."""
    unlisted: Sequence[str] = ()
    """The names of those whose tools are not known."""


def _search_servers(config: Path | None, search: _Search, *, refresh: bool) -> _Found:
    path = configuration(config)

    async def ask() -> _Found:
        async with open_catalog(path) as catalog:
            if refresh:
                await catalog.listings(refresh=True)
            hits = await _searched(catalog, search, path, observations(path))
            unlisted = [state.name for state in catalog.states() if state.state == "failed"]
            return _Found(hits, catalog.names, unlisted)

    with progress("Asking the servers for their tools…"):
        return run_async(ask)


def _search_manifest(manifest: Path, search: _Search) -> _Found:
    source = FileListings(read_manifest(manifest))
    return _Found(run_async(lambda: _searched(source, search, None, unobserved)), source.names)


async def _searched(
    source: ListingSource, search: _Search, config: Path | None, observed: Observations
) -> Sequence[Hit | SkillHit]:
    vectors = _vectors(config)
    directory = ToolDirectory(source, observed, vectors)
    if vectors is None:
        return await search(directory, None)
    async with vectors:
        await search(directory, vectors)  # asks for the vectors that it could use
        with anyio.move_on_after(_PATIENCE):
            await vectors.filled()
        return await search(directory, vectors)


def _beside(config: Path | None, request: SearchRequest, agent: str) -> _Search:
    # Few searches are for skills.
    from underpass.cli.skill_library import skill_library
    from underpass.skills.search.beside import beside_tools
    from underpass.skills.search.search import SkillSearch

    library, usage = skill_library(config or find_config(Path.cwd()))

    def search(directory: ToolDirectory, vectors: Embeddings | None) -> Awaitable[Sequence[Hit | SkillHit]]:
        skills = SkillSearch(library, servers=lambda: directory.servers, figures=usage, embeddings=vectors)
        return beside_tools(request, directory, skills, agent)

    return search


def _vectors(config: Path | None) -> Embeddings | None:
    state = state_dir(config, Path.cwd())
    folder = Path.cwd() if config is None else config.absolute().parent
    setting = load_settings(folder).discovery.semantic
    return minilm.embeddings(state / minilm.FILE_NAME if state.is_dir() else None, setting)


def _from_servers(
    config: Path | None, server: str | None, language: Language, *, refresh: bool
) -> list[dict[str, Any]]:
    path = configuration(config)
    observed = observations(path)

    async def ask() -> list[dict[str, Any]]:
        async with open_catalog(path) as catalog:
            if server is None:
                listings = await catalog.listings(refresh=refresh)
            else:
                named = ToolDirectory(catalog).server(server)
                listings = {named: await _listing(catalog, named, refresh=refresh)}
            listed = {name: found for name, found in listings.items() if isinstance(found, Listing)}
            related = crossings(listed)
            modules = identifiers(catalog.names, "server")
            states = [state for state in catalog.states() if server is None or state.name in listings]
            return [
                {
                    "name": state.name,
                    "module": modules.get(state.name),
                    "transport": state.transport,
                    "state": state.state,
                    "error": state.error,
                    "news": news(state),
                    **_listed(listings.get(state.name, Listing()), observed, language),
                    # Each once: at the server of its first tool.
                    "crossings": [
                        {**asdict(each), "text": each.text}
                        for each in related
                        if each.tools[0].startswith(f"{state.name}::")
                    ],
                }
                for state in states
            ]

    with progress("Asking the servers for their tools…"):
        return run_async(ask)


async def _listing(catalog: Catalog, server: str, *, refresh: bool) -> Listing | ServerUnavailable:
    try:
        return await (catalog.refresh if refresh else catalog.listing)(server)
    except ServerUnavailable as error:
        return error


def _from_manifest(manifest: Path, server: str | None, language: Language) -> list[dict[str, Any]]:
    listings = read_manifest(manifest)
    modules = identifiers(listings, "server")
    return [
        {
            "name": name,
            "module": modules[name],
            "transport": None,
            "state": "manifest",
            "error": None,
            "news": "",
            **_listed(listing, unobserved, language),
            "crossings": [],
        }
        for name, listing in chosen(listings, server).items()
    ]


def _listed(
    listing: Listing | ServerUnavailable, observed: Observations, language: Language
) -> dict[str, Any]:
    if isinstance(listing, ServerUnavailable):
        return {"tools": [], "findings": [], "changes": []}
    return {
        "tools": [_tool(tool, observed, language) for tool in listing.tools],
        "findings": [asdict(finding) for finding in listing.findings],
        "changes": [asdict(change) for change in listing.changes],
    }


def _tool(tool: ToolDefinition, observed: Observations, language: Language) -> dict[str, Any]:
    return {
        "id": tool.id,
        "name": tool.name,
        "summary": summary(tool.description),
        "signature": signature(tool, language, observed=observed(tool)),
    }


def _show_servers(servers: Sequence[Mapping[str, Any]], *, with_tools: bool) -> None:
    if not servers:
        out().print("no servers: `underpass add NAME -- COMMAND ARGS…` adds one")
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("server", "state", "transport"):
        table.add_column(heading)
    table.add_column("tools", justify="right")
    table.add_column("import", style="dim", overflow="fold")
    for server in servers:
        mark, style = _MARKS.get(server["state"], ("○", "dim"))
        table.add_row(
            text(server["name"], "bold"),
            text(f"{mark} {server['state']}", style),
            text(server["transport"] or ""),
            str(len(server["tools"])) if server["tools"] or server["state"] in ("known", "started") else "",
            text(f"from mcp_servers import {server['module']}" if server["module"] else ""),
        )
    out().print(table)
    for server in servers:
        if server["error"]:
            out().print(text(f"{server['name']}: {server['error']}", "red"), soft_wrap=True)
        if server["news"]:
            out().print(text(f"{server['name']} {server['news']}"), soft_wrap=True)
        for line, style in _related(server["crossings"]):
            out().print(text(line, style), soft_wrap=True)
        for finding in server["findings"]:
            line = f"{server['name']}.{finding['tool']} {finding['action']}: {finding['reason']}"
            out().print(text(line, "yellow"), soft_wrap=True)
        for change in server["changes"]:
            out().print(
                text(_changed(change), "red" if change["kind"] == "changed" else "yellow"), soft_wrap=True
            )
        if with_tools:
            out().print()
            for tool in server["tools"]:
                _show_tool(tool["signature"], tool["summary"])
    if any(server["error"] for server in servers):
        out().print("`underpass doctor` says what to do", style="dim")


def _related(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield lines with their styles: several names that the same servers share are one line."""
    shared: defaultdict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for crossing in found:
        if crossing["kind"] != "shared":
            yield crossing["text"], "yellow"
        else:
            shared[tuple(tool.partition("::")[0] for tool in crossing["tools"])].append(crossing)
    for servers, same in shared.items():
        if len(same) == 1:
            yield same[0]["text"], "dim"
            continue
        names = [crossing["tools"][0].partition("::")[2] for crossing in same]
        yield f"{', '.join(servers)} share {len(names)} names of tools ({_some(names)}): {EACH}", "dim"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def _changed(change: Mapping[str, Any]) -> str:
    name = f"{change['server']}.{change['tool']}"
    if change["kind"] == "changed":
        return f"{name} changed and is refused: `underpass trust {name}` shows how, and accepts it"
    what = "is gone" if change["kind"] == "removed" else "has more optional output than was trusted"
    return f"{name} {what}: `underpass trust {name}` records it"


def _show_found(found: _Found, language: Language, as_json: bool) -> None:
    if as_json:
        print_json([hit.to_dict(language) if isinstance(hit, Hit) else hit.to_dict() for hit in found.hits])
    else:
        _show_hits(found, language)


def _show_hits(found: _Found, language: Language) -> None:
    modules = identifiers(found.servers, "server" if language == "python" else "namespace")
    if not found.hits:
        out().print("no tool fits; try other words, or `underpass tools` for all servers")
    for hit in found.hits:
        if isinstance(hit, SkillHit):
            _show_tool(hit.entry.signature, f"{hit.import_line}  {hit.summary}")
            continue
        _show_tool(f"{modules[hit.server]}.{hit.signature(language)}", hit.summary)
    if found.unlisted:
        line = f"without the tools of {_some(found.unlisted)}: `underpass doctor` says what to do"
        err().print(text(line, "yellow"), soft_wrap=True)


def _show_tool(signature: str, summary: str) -> None:
    name, parenthesis, rest = signature.partition("(")
    line = text(name, "bold")
    line.append_text(text(parenthesis + rest))
    out().print(line, soft_wrap=True)
    if summary:
        out().print(text(f"    {summary}", "dim"), soft_wrap=True)
