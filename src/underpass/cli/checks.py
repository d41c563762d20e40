"""What `underpass doctor` looks at: one function for each check."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from underpass.catalog.catalog import ServerState
from underpass.catalog.crossing import crossings
from underpass.catalog.definition import Listing
from underpass.catalog.lock import ToolLock
from underpass.catalog.references import shown_line
from underpass.catalog.servers_file import load_servers
from underpass.catalog.spec import ServerSpec
from underpass.cli.news import news
from underpass.cli.running import open_catalog
from underpass.cli.terms import counted
from underpass.config import Settings, load_settings, state_dir
from underpass.environments import store
from underpass.errors import ServerUnavailable, UnderpassError
from underpass.metrics import tokens
from underpass.sandbox.probe import probe

_LOCK = "lock file"
_WHY_LOCK = "A server that changes a tool behind your back is noticed, and the tool refused until you look."

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, what it means, and how to mend it."""

    name: str
    status: Status
    what: str
    why: str
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The check as a JSON object."""
        return asdict(self)


def python_version() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(
        "python", "ok", f"Python {version} at {sys.executable}", "Underpass needs Python 3.11 or newer."
    )


def isolation(config: Path | None) -> Iterator[Check]:
    why = "Code runs only where the kernel can isolate it; each wall holds where another has a hole."
    settings = _settings(config)
    for part in probe("any" if settings is None else settings.sandbox.walls):
        yield Check(f"sandbox: {part.name}", part.status, part.what, why, part.hint)


def environments(config: Path | None) -> Iterator[Check]:
    """The packages that programs can import, and whether they are built."""
    if (settings := _settings(config)) is None:
        return
    why = "Programs can import its packages only when it is built."
    for status in store.statuses(settings, state_dir(config, Path.cwd())):
        title, what = f"environment: {status.name}", f"{status.state}: {', '.join(status.packages)}"
        if status.state == "built":
            yield Check(title, "ok", what, why)
        else:
            yield Check(title, "warning", what, why, f"underpass env build {status.name}")


def _settings(config: Path | None) -> Settings | None:
    """The settings in force; None where they cannot be read, which is a check of its own."""
    try:
        return load_settings(config.absolute().parent if config else Path.cwd())
    except UnderpassError:
        return None


def typescript() -> Check:
    from underpass.sandbox import deno_binary

    why = "Programs in TypeScript run in Deno; those in Python need none of it."
    if not deno_binary.is_installed():
        return Check("typescript", "warning", "Deno is not installed", why, deno_binary.INSTALL)
    walls = "behind the kernel's walls" if sys.platform == "linux" else "held by its own permissions alone"
    return Check("typescript", "ok", f"{deno_binary.find()}, {walls}", why)


def tokenizer() -> Check:
    why = "Token figures are counted, not estimated; the vocabulary ships in a package."
    try:
        works = tokens.count("The data takes the underpass.") > 0
    except ImportError as error:
        hint = "install the package again: pip install --force-reinstall underpass"
        return Check("tokenizer", "failed", str(error), why, hint)
    return Check("tokenizer", "ok" if works else "failed", tokens.TOKENIZER, why)


def state_directory(config: Path | None) -> Check:
    path = state_dir(config, Path.cwd())
    why = "Caches, results and the journal are kept there."
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        hint = "make it writable, or name another place in $UNDERPASS_HOME"
        return Check("state", "failed", f"{path}: {error.strerror}", why, hint)
    return Check("state", "ok", str(path), why)


def configuration_file(config: Path | None) -> Check:
    why = "It names the servers whose tools code can use."
    if config is None:
        return Check("configuration", "warning", "none found", why, "`underpass init` writes one")
    try:
        servers = load_servers(config)
        load_settings(config.absolute().parent)
    except UnderpassError as error:
        return Check("configuration", "failed", error.message, why, error.hint)
    return Check("configuration", "ok", f"{config}: {counted(len(servers), 'server')}", why)


async def servers(config: Path) -> list[Check]:
    """Start and list every server."""
    async with open_catalog(config) as catalog:
        listings = await catalog.listings(refresh=True)
        states = {state.name: state for state in catalog.states()}
    sources = load_servers(config)
    assert catalog.lock is not None
    return [
        _recorded(catalog.lock),
        *(_server(states[name], listing, sources[name]) for name, listing in listings.items()),
        *_crossings(listings),
    ]


def _crossings(listings: Mapping[str, Listing | ServerUnavailable]) -> Iterator[Check]:
    """What tools of one server have to do with those of another."""
    found = crossings({name: each for name, each in listings.items() if isinstance(each, Listing)})
    why = "A tool that passes for another server's, or speaks of it, may want to be called in its place."
    shared = sum(each.kind == "shared" for each in found)
    if shared:
        what = f"{shared} names of tools are those of several servers: each is called by its server's name"
        yield Check("names", "ok", what, why)
    for each in found:
        if each.kind != "shared":
            yield Check("names", "warning", each.text, why, "read both descriptions before you trust them")


def lock_file(config: Path) -> Check | None:
    """What is wrong with the lock file: nothing is asked of a server while it cannot be read."""
    try:
        ToolLock(config).check()
    except UnderpassError as error:
        return Check(_LOCK, "failed", error.message, _WHY_LOCK, error.hint)
    return None


def _recorded(lock: ToolLock) -> Check:
    if lock.unwritable is None:
        return Check(_LOCK, "ok", str(lock.file.path), _WHY_LOCK)
    hint = "make the folder writable, or bring a lock file along: `underpass trust --all` writes one"
    return Check(_LOCK, "warning", lock.unwritable, _WHY_LOCK, hint)


def _server(state: ServerState, listing: Listing | ServerUnavailable, source: object) -> Check:
    name = state.name
    title, why = f"server: {name}", "Its tools can be used only if it starts and lists them."
    if isinstance(listing, ServerUnavailable):
        hint = f"underpass login {name}" if listing.data.get("needs_login") else _by_hand(source)
        return Check(title, "failed", listing.message, why, hint)
    what = counted(len(listing.tools), "tool") + (f"; {new}" if (new := news(state)) else "")
    if refused := [change.tool for change in listing.changes if change.kind == "changed"]:
        changed = f"{what}; refused, because they changed since they were trusted: {', '.join(refused)}"
        return Check(title, "warning", changed, _WHY_LOCK, f"underpass trust {name}")
    if not listing.findings:
        return Check(title, "ok", what, why)
    reasons = "; ".join(
        f"{finding.tool} {finding.action}: {finding.reason}" for finding in listing.findings[:5]
    )
    left_out = sum(finding.action == "quarantined" for finding in listing.findings)
    hint = f"report it to the server's author: {reasons}"
    return Check(
        title, "warning", f"{what}; {left_out} malformed ones left out" if left_out else what, why, hint
    )


def _by_hand(source: object) -> str:
    if isinstance(source, ServerSpec) and source.command is not None:
        return f"start it by hand to see what it says: {shown_line(source)}"
    return f"look whether {shown_line(source) if isinstance(source, ServerSpec) else 'it'} answers"
