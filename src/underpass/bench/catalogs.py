"""Definitions of real tools that are connected beside those that are called, and only listed."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.codegen.names import identifiers
from underpass.discovery.known_tools import definition_text
from underpass.errors import ConfigError
from underpass.metrics import tokens

SIZES: Final = (0, 10, 50, 300, 1_000)
_MOST_OF_A_SERVER: Final = 60
"""Tools: few servers of the corpus have more, and one of them would be half of a catalog."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """A catalog's tools by server."""

    size: int
    servers: Mapping[str, tuple[ToolDefinition, ...]]

    @property
    def tokens(self) -> int:
        """Tokens of all definitions."""
        return sum(tokens.count(definition_text(tool)) for tools in self.servers.values() for tool in tools)

    def upstreams(self) -> dict[str, InMemoryUpstream]:
        """Return servers that list these tools and answer no calls."""
        return {name: _only_lists(name, tools) for name, tools in self.servers.items()}


def sample(size: int) -> Definitions:
    """Return the first tools of the sample that is part of the package; it has 60."""
    return Definitions(size, _by_server(_sample()[:size]))


def from_corpus(path: Path, size: int, taken: Collection[str] = ()) -> Definitions:
    """Return whole servers of a file, chosen by chance but always the same, with ``size`` tools together.

    Parameters:
        path: JSON lines with ``server``, ``name``, ``description`` and ``inputSchema``, gzipped or not.
        size: how many tools.
        taken: names that no server is to have.

    Raises:
        ConfigError: the file cannot be read, or has too few tools.
    """
    by_server = _read(path)
    names = sorted(by_server)
    random.Random(0).shuffle(names)  # noqa: S311 - the same choice each time is what it is for
    servers: dict[str, tuple[ToolDefinition, ...]] = {}
    left = size
    for name in names:
        tools = by_server[name][:left]
        if len(by_server[name]) <= _MOST_OF_A_SERVER and name not in taken:
            servers[name] = tools
            left -= len(tools)
        if not left:
            return Definitions(size, servers)
    raise ConfigError(f"{path} has too few tools for a catalog of {size:,}", hint="give a larger file")


@lru_cache(maxsize=1)
def _sample() -> list[ToolDefinition]:
    text = files("underpass.bench").joinpath("definitions", "sample.jsonl").read_text(encoding="utf-8")
    return [_definition(json.loads(line)) for line in text.splitlines()]


@lru_cache(maxsize=2)
def _read(path: Path) -> dict[str, tuple[ToolDefinition, ...]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]

            modules = identifiers({row["server"] for row in rows}, "server")
            return _by_server(_definition(row | {"server": modules[row["server"]]}) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is no file of tool definitions: {error}",
            hint="each line is a JSON object with server, name, description and inputSchema",
            path=str(path),
        ) from error


def _by_server(tools: Iterable[ToolDefinition]) -> dict[str, tuple[ToolDefinition, ...]]:
    by_server: dict[str, dict[str, ToolDefinition]] = {}
    for tool in tools:
        by_server.setdefault(tool.server, {}).setdefault(tool.name, tool)
    return {name: tuple(tools.values()) for name, tools in by_server.items()}


def _definition(row: Mapping[str, Any]) -> ToolDefinition:
    return ToolDefinition.from_json(row["server"], row)


def _only_lists(name: str, tools: Iterable[ToolDefinition]) -> InMemoryUpstream:
    upstream = InMemoryUpstream(name)

    async def answer(_arguments: Mapping[str, Any]) -> ToolOutcome:
        text = {"type": "text", "text": "this server only lists its tools"}
        return ToolOutcome(content=[text], is_error=True)

    for tool in tools:
        upstream.add(tool, answer)
    return upstream
