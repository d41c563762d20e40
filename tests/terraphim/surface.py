"""The knowledge-graph server with a real client: in this process, as a program over stdio, over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, EmbeddedResource, TextContent

from terraphim.config import Config, Places
from terraphim.server.server import server
from terraphim.service import Service

PROGRAM = Path(sys.executable).parent / "terraphim-mcp"
MODES = ("legacy", "auto")
"""The two eras of the protocol."""


@asynccontextmanager
async def connected(
    config: Mapping[str, Any] | Config, base: Path, *, mode: str = "auto"
) -> AsyncGenerator[Client]:
    """A client of a server in this process; paths of the configuration count from ``base``."""
    parsed = config if isinstance(config, Config) else Config.parse(json.dumps(config))
    with anyio.fail_after(120):
        async with Client(server(Service(parsed, Places(base))), mode=mode) as client:
            yield client


@asynccontextmanager
async def over_stdio(*arguments: str | Path, cwd: Path, mode: str = "auto") -> AsyncGenerator[Client]:
    """A client of the installed program."""
    parameters = StdioServerParameters(command=str(PROGRAM), args=[str(part) for part in arguments], cwd=cwd)
    with anyio.fail_after(60):
        async with Client(parameters, mode=mode) as client:
            yield client


@contextmanager
def over_http(*arguments: str | Path, cwd: Path) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """The URL of the installed program, which serves over HTTP, and its process."""
    with subprocess.Popen(
        [PROGRAM, *arguments, "--http", "127.0.0.1:0"], cwd=cwd, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            match = re.search(r"http://\S+/mcp", line)
            assert match, line
            yield match[0], process
        finally:
            process.terminate()


def value(result: CallToolResult) -> Any:
    """What code sees: the structured value, unwrapped."""
    assert not result.is_error, lines(result)
    structured = result.structured_content
    if isinstance(structured, dict) and "result" in structured:
        return cast("Any", structured)["result"]
    return cast("Any", structured)


def lines(result: CallToolResult) -> list[str]:
    """The texts of a result."""
    return [block.text for block in result.content if isinstance(block, TextContent)]


def resources(result: CallToolResult) -> list[EmbeddedResource]:
    """The documents in a result."""
    return [block for block in result.content if isinstance(block, EmbeddedResource)]


def graph_role(thesaurus: str | None = None, *, haystack: str = ".", kg: str | None = None) -> dict[str, Any]:
    """A role that ranks by a knowledge graph: a thesaurus's file, or a folder."""
    return {
        "relevance_function": "terraphim-graph",
        "kg": {
            "automata_path": {"Local": thesaurus} if thesaurus else None,
            "knowledge_graph_local": {"input_type": "markdown", "path": kg} if kg else None,
        },
        "haystacks": [{"location": haystack, "service": "Ripgrep"}],
    }
