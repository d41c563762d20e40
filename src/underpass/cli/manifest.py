"""Tool definitions from a file, so that no server need run."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from underpass.catalog.definition import Finding, Listing
from underpass.catalog.tolerance import Tolerance
from underpass.errors import ConfigError, ServerNotFound

_GZIP = b"\x1f\x8b"


def read_manifest(path: Path) -> dict[str, Listing]:
    """Read a JSON-lines file, gzipped or not: one tool a line, as `tools/list` gives it.

    A key ``server`` says whose tool it is; without one the file's name does. A malformed line or tool
    is left out and noted in its server's findings.

    Raises:
        ConfigError: the file cannot be read, or no line of it holds a tool.
    """
    entries: dict[str, list[Any]] = {}
    broken: list[Finding] = []
    default = path.name.partition(".")[0] or "tools"
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            broken.append(Finding(default, f"line {number}", "quarantined", f"it is no JSON: {error}"))
            continue
        server = cast("dict[str, Any]", entry).get("server") if isinstance(entry, dict) else None
        entries.setdefault(server if isinstance(server, str) and server else default, []).append(entry)
    listings = {server: _listing(server, tools) for server, tools in entries.items()}
    if not any(listing.tools for listing in listings.values()):
        raise ConfigError(
            f"{path} holds no tool definitions",
            hint="each line must be one JSON object with name, description and inputSchema",
            path=str(path),
        )
    if broken:
        known = listings.get(default, Listing())
        listings[default] = Listing(known.tools, (*known.findings, *broken))
    return listings


def chosen(listings: Mapping[str, Listing], server: str | None) -> dict[str, Listing]:
    """Return all listings, or the one of ``server``. Raises ``ServerNotFound``."""
    if server is None:
        return dict(listings)
    if server not in listings:
        raise ServerNotFound.named(server, listings)
    return {server: listings[server]}


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        # Not splitlines(): that also cuts at separators which JSON allows inside a string.
        return content.decode("utf-8-sig").split("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", path=str(path)) from error


def _listing(server: str, entries: list[Any]) -> Listing:
    tolerance = Tolerance(server)
    tolerance.read(entries)
    return Listing(tuple(tolerance.tools), tuple(tolerance.findings))
