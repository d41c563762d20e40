"""A real server of the official SDK over HTTP on loopback: ``python over_http.py FD http|sse``."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context


@contextmanager
def http_server(transport: str) -> Generator[str]:
    """Run this file as a server and give its URL."""
    with socket.socket() as listening:
        # Connections wait in the backlog until the server accepts: nobody has to wait for its start.
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        number = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(number), transport],
            pass_fds=[number],
            stderr=subprocess.DEVNULL,
        )
    try:
        yield f"http://127.0.0.1:{port}/{'sse' if transport == 'sse' else 'mcp'}"
    finally:
        process.kill()
        process.wait()


def main(descriptor: int, transport: str) -> None:
    server = MCPServer("over-http")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def big(megabytes: int) -> str:
        """Answer with a long text."""
        return "x" * megabytes * 1_000_000

    @server.tool()
    def die() -> None:
        """End the server in the middle of the call."""
        os._exit(1)

    @server.tool()
    async def steps(count: int, ctx: Context[Any, Any]) -> str:
        """Report progress."""
        for step in range(1, count + 1):
            await ctx.report_progress(step, count)
        return "done"

    @server.tool()
    def token(ctx: Context[Any, Any]) -> str:
        """Tell the header that the client was configured with."""
        return str((ctx.headers or {}).get("x-token"))

    app = server.sse_app() if transport == "sse" else server.streamable_http_app()
    listening = socket.socket(fileno=descriptor)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
