"""A real `underpass serve --http` on loopback, with real servers behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.cli.command_line import underpass, write_config
from tests.cli.processes import background
from tests.patience import LONG
from tests.servers.catalogs import HOSTILE

VERSION = "2026-07-28"
HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": VERSION,
    "Mcp-Method": "tools/call",
    "Mcp-Name": "call_tool",
}
"""What every call through the door says."""


@dataclass(frozen=True, slots=True)
class Service:
    folder: Path
    url: str
    token_file: Path
    process: subprocess.Popen[bytes]

    @property
    def token(self) -> str:
        return self.token_file.read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs that runs outside of a sandbox."""
        return {"UNDERPASS_URL": self.url.removesuffix("/mcp"), "UNDERPASS_TOKEN_FILE": str(self.token_file)}

    def post(self, message: Any, **headers: str) -> httpx2.Response:
        """Send one message of the newest era; ``headers`` (with _ for -) replace and add."""
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        usual = HEADERS | {"Authorization": f"Bearer {self.token}"}
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.post(self.url, content=content, headers=usual | changed, timeout=LONG)

    @asynccontextmanager
    async def client(self, mode: str) -> AsyncGenerator[Client]:
        """Connect the SDK's own client, in either era."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with anyio.fail_after(LONG):
            async with (
                httpx2.AsyncClient(headers=headers, timeout=LONG) as http,
                Client(streamable_http_client(self.url, http_client=http), mode=mode) as client,
            ):
                yield client


def call(server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The message of one call through the door."""
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    asked = {"server": server, "tool": tool, "arguments": arguments}
    params: dict[str, Any] = {"name": "call_tool", "arguments": asked, "_meta": meta}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def project(folder: Path) -> Path:
    """A folder whose configuration has real servers and one that misbehaves."""
    write_config(folder, "testkit", hostile={"command": sys.executable, "args": [str(HOSTILE)]})
    return folder


def generate(folder: Path, output: str, *arguments: str) -> Path:
    """Generate modules of the project's servers; return their folder."""
    done = underpass("generate", "--output", output, *arguments, cwd=folder)
    assert done.status == 0, done.stderr
    return folder / output


@contextmanager
def serving(folder: Path, *arguments: str) -> Generator[Service]:
    """Serve the project over HTTP, on any port, and end it in order."""
    with background("serve", "--http", "127.0.0.1:0", "--json", *arguments, cwd=folder) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        said = json.loads(line)
        yield Service(folder, said["url"], Path(said["token"]), process)
        process.terminate()
        process.communicate(timeout=LONG)
