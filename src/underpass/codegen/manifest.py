"""Tool definitions from a JSON-lines file: what modules are made of when no server is at hand."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson

from underpass.catalog.definition import Finding, Listing
from underpass.catalog.tolerance import Tolerance
from underpass.errors import ConfigError

_GZIP = b"\x1f\x8b"


def read_manifest(path: Path) -> dict[str, Listing]:
    """Read tool definitions, one JSON object a line, from a file that may be gzip-compressed.

    Each object is an entry of a ``tools/list`` answer with a key ``server`` beside it; without one,
    the file's name stands for the server. A key ``category`` is the server's own label of the tool, as in
    its ``_meta``. A line that holds no tool is left out, and a tool with a
    malformed part is repaired: its server's listing has a finding that gives the line's number.

    Raises:
        ConfigError: the file cannot be read, or holds no tool at all.
    """
    default = path.name.partition(".")[0] or "tools"
    servers: dict[str, Tolerance] = {}

    def server(name: str) -> Tolerance:
        return servers.setdefault(name, Tolerance(name))

    for number, line in _lines(path, lambda reason: server(default).note("", "quarantined", reason)):
        entry = _entry(line)
        if isinstance(entry, str):
            server(default).note("", "quarantined", f"line {number}: {entry}")
            continue
        named = entry.pop("server", None)
        tolerance = server(named if isinstance(named, str) and named else default)
        known = len(tolerance.findings)
        tolerance.read([_labelled(entry)])
        tolerance.findings[known:] = [_at(number, finding) for finding in tolerance.findings[known:]]
    if not any(tolerance.tools for tolerance in servers.values()):
        raise ConfigError(
            f"{path} holds no tool definitions",
            hint="each line must be one JSON object with server, name, description and inputSchema",
            path=str(path),
        )
    return {
        name: Listing(tuple(tolerance.tools), tuple(tolerance.findings))
        for name, tolerance in servers.items()
    }


def _labelled(entry: dict[str, Any]) -> dict[str, Any]:
    """Put a label where servers have theirs; what they say there themselves stays."""
    label, own = entry.get("category"), entry.get("_meta")
    if not isinstance(label, str) or not (own is None or isinstance(own, dict)):
        return entry
    meta = cast("dict[str, Any]", own or {})
    return {**entry, "_meta": {"category": label, **meta}}


def _at(number: int, finding: Finding) -> Finding:
    tool = "" if finding.tool.startswith("#") else finding.tool
    return replace(finding, tool=tool, reason=f"line {number}: {finding.reason}")


def _lines(path: Path, damaged: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that hold anything, with their numbers; what is left of a damaged file is told."""
    number = 0
    try:
        with path.open("rb") as raw:
            compressed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            # JSON-lines end in a line feed alone: other separators may stand inside a string.
            with gzip.GzipFile(fileobj=raw) if compressed else raw as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        damaged(f"the compressed data is damaged after line {number}: {error}")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}",
            hint="give a JSON-lines file with one tool definition a line",
            path=str(path),
        ) from error


def _entry(line: bytes) -> dict[str, Any] | str:
    """Return the object of a line, or what is wrong with it."""
    line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        value: object = orjson.loads(line)
    except orjson.JSONDecodeError as strict:
        try:
            value = json.loads(line)  # takes NaN and longer integers
        except (ValueError, RecursionError):
            return f"it is no JSON ({strict.msg}, column {strict.colno})"
    return cast("dict[str, Any]", value) if isinstance(value, dict) else "it is no JSON object"
