"""`underpass trust`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from underpass.catalog.catalog import Catalog
from underpass.catalog.definition import Change, Listing
from underpass.catalog.digest import definition
from underpass.catalog.lock import ToolLock, compare
from underpass.catalog.lock_file import Servers
from underpass.catalog.word_diff import Difference, word_diff
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import err, out, print_json, progress, text
from underpass.cli.running import run_async
from underpass.cli.terms import counted
from underpass.codegen.names import identifiers
from underpass.config import find_config, load_settings, state_dir
from underpass.errors import ConfigError, ServerNotFound, ServerUnavailable, ToolNotFound

_STYLES = {"same": "", "removed": "red strike", "added": "green bold"}
_MARKS = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
_SHOWN = {"new": "new", "removed": "gone", "changed": "changed", "extended": "has more optional output"}
_NO_BASELINE = 2


@dataclass(frozen=True, slots=True)
class _Found:
    listings: Mapping[str, Listing]
    unavailable: Sequence[ServerUnavailable]
    trusted: Servers | None

    def changes(self, tool: str | None = None) -> list[Change]:
        found = (
            change
            for server, listing in self.listings.items()
            for change in compare(server, (self.trusted or {}).get(server, {}), listing)
        )
        return [change for change in found if tool is None or change.tool == tool]

    def without_baseline(self) -> list[str]:
        return [server for server in self.listings if server not in (self.trusted or {})]

    def difference(self, change: Change) -> list[Difference]:
        kept = (self.trusted or {}).get(change.server, {}).get(change.tool)
        tools = {tool.name: definition(tool) for tool in self.listings[change.server].tools}
        return word_diff(kept.definition if kept else None, tools.get(change.tool))


@click.command(
    epilog=examples("underpass trust", "underpass trust git.git_log", "underpass trust --check --json")
)
@click.argument("name", metavar="[SERVER[.TOOL]]", required=False)
@click.option("--all", "everything", is_flag=True, help="Accept the changes of all servers.")
@click.option("--check", is_flag=True, help="Accept nothing; status 1 on changes, 2 without a lock file.")
@config_option
@json_option
def command(*, name: str | None, everything: bool, check: bool, config: Path | None, as_json: bool) -> None:
    """Show, word by word, how tools differ from what was trusted, and accept what NAME names.

    A tool is trusted as it is when it is first seen; underpass.lock, beside the configuration, keeps it.
    When its server changes it later, calls are refused until it is accepted here. Without a NAME or
    --all this only shows. At a terminal you are asked before anything is accepted.
    """
    if (name is not None) + everything + check > 1:
        raise click.UsageError("give one of NAME, --all and --check")
    path = config or find_config(Path.cwd())
    if path is None:
        raise ConfigError(
            "there is no configuration, so nothing to trust", hint="`underpass init` writes one"
        )
    lock = ToolLock(path)
    settings = load_settings(path.absolute().parent)
    catalog = Catalog(
        path, settings=settings.servers, limits=settings.calls, state=state_dir(path, Path.cwd())
    )
    with progress("Asking the servers for their tools…"):
        found, tool = run_async(lambda: _ask(catalog, lock, name))
    changes = found.changes(tool)
    accepting = (name is not None or everything) and bool(changes or found.without_baseline())
    if not as_json:
        _show(found, changes)
        accepting = accepting and _agreed()
    if accepting:
        try:
            lock.accept(found.listings, tool)
        except OSError as error:
            raise ConfigError(
                f"{lock.file.path} cannot be written: {error.strerror or error}", path=str(lock.file.path)
            ) from error
    missing = found.without_baseline() if not accepting else []
    if as_json:
        print_json(_facts(found, changes, lock, accepted=accepting))
    else:
        _conclude(found, changes, lock, accepted=accepting, asked=name is not None or everything)
    if check and (found.trusted is None or missing):
        raise click.exceptions.Exit(_NO_BASELINE)
    if found.unavailable or (check and any(change.kind != "extended" for change in changes)):
        raise click.exceptions.Exit(1)


async def _ask(catalog: Catalog, lock: ToolLock, name: str | None) -> tuple[_Found, str | None]:
    """List the servers as they are now, without recording anything; return the tool that NAME names, too."""
    trusted = lock.trusted()
    async with catalog:
        if name is None:
            found = await catalog.listings()
            unavailable = [error for error in found.values() if isinstance(error, ServerUnavailable)]
            listed = {server: each for server, each in found.items() if isinstance(each, Listing)}
            return _Found(listed, unavailable, trusted), None
        server, tool = _named(name, catalog.names)
        listing = await catalog.listing(server)
    if tool is not None:
        known = {each.name for each in listing.tools} | (trusted or {}).get(server, {}).keys()
        functions = {function: known for known, function in identifiers(sorted(known), "tool").items()}
        if tool not in known and tool not in functions:
            raise ToolNotFound.named(server, tool, known)
        tool = tool if tool in known else functions[tool]
    return _Found({server: listing}, (), trusted), tool


def _named(name: str, servers: Sequence[str]) -> tuple[str, str | None]:
    """Return the server and the tool, if there is one, of ``server`` or ``server.tool``."""
    modules = {module: server for server, module in identifiers(servers, "server").items()}
    known = {**modules, **{server: server for server in servers}}
    if name in known:
        return known[name], None
    for place in (place for place, letter in enumerate(name) if letter == "."):
        if name[:place] in known:
            return known[name[:place]], name[place + 1 :]
    raise ServerNotFound.named(name.partition(".")[0], servers)


def _agreed() -> bool:
    """Ask a person; whoever is none has named what to accept, and that is the consent."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return click.confirm("Trust this?", default=False)


def _facts(found: _Found, changes: Sequence[Change], lock: ToolLock, *, accepted: bool) -> dict[str, Any]:
    return {
        "lock": str(lock.file.path),
        "baseline": found.trusted is not None,
        "servers_without_baseline": found.without_baseline(),
        "accepted": accepted,
        "changes": [
            {**asdict(change), "diff": [asdict(difference) for difference in found.difference(change)]}
            for change in changes
        ],
        "unavailable": [error.to_dict() for error in found.unavailable],
    }


def _show(found: _Found, changes: Sequence[Change]) -> None:
    fresh = found.without_baseline()
    for server in fresh:
        count = len(found.listings[server].tools)
        out().print(text(f"{server}: {counted(count, 'tool')}, nothing recorded yet", "bold"))
    for change in changes:
        if change.server in fresh:
            continue
        out().print(text(f"{change.server}.{change.tool} ({_SHOWN[change.kind]})", "bold"), soft_wrap=True)
        for difference in found.difference(change) if change.kind != "removed" else ():
            line = text(f"  {difference.place}: ", "dim")
            for mark, words in difference.words:
                # A terminal without colours, or a log of CI, must show the same.
                line.append_text(text(_MARKS[mark].format(words), _STYLES[mark]))
            out().print(line, soft_wrap=True)
    for error in found.unavailable:
        err().print(text(f"{error.message}: not compared", "red"), soft_wrap=True)


def _conclude(
    found: _Found, changes: Sequence[Change], lock: ToolLock, *, accepted: bool, asked: bool
) -> None:
    if accepted:
        out().print(text(f"accepted in {lock.file.path}"), soft_wrap=True)
    elif found.trusted is None and not asked:
        out().print(
            text(f"there is no {lock.file.path} yet: `underpass trust --all` writes it"), soft_wrap=True
        )
    elif not changes and not found.without_baseline():
        out().print(text("everything is as it was trusted"))
    elif asked:
        out().print(text("nothing was accepted"))
    else:
        out().print(text("`underpass trust SERVER.TOOL` accepts a tool, `underpass trust --all` everything"))
