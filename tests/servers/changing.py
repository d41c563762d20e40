"""A server of the official SDK whose tools change: ``python changing.py stdio|HTTP-DESCRIPTOR ERA``.

The tool ``grow`` adds a tool and announces it, in the way of either era. With ERA ``handshake`` the
server knows nothing of the newest revision.
"""

from __future__ import annotations

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
from starlette.types import ASGIApp, Receive, Scope, Send

HERE = str(Path(__file__))


@contextmanager
def changing(transport: str, era: str) -> Generator[dict[str, Any]]:
    """Give the entry of such a server; one over HTTP runs meanwhile."""
    if transport == "stdio":
        yield {"command": sys.executable, "args": [HERE, "stdio", era]}
        return
    with socket.socket() as listening:
        # Connections wait in the backlog until the server accepts: nobody has to wait for its start.
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port, number = listening.getsockname()[1], listening.fileno()
        process = subprocess.Popen(
            [sys.executable, HERE, str(number), era], pass_fds=[number], stderr=subprocess.DEVNULL
        )
    try:
        yield {"url": f"http://127.0.0.1:{port}/mcp"}
    finally:
        process.kill()
        process.wait()


class _Handshake:
    """Refuses what only the newest revision sends, as a server of an older one would."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if dict(scope.get("headers", ())).get(b"mcp-protocol-version") == b"2026-07-28":
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)


def main(where: str, era: str) -> None:
    server = MCPServer("changing")

    @server.tool()
    async def grow(name: str, ctx: Context[Any, Any]) -> str:
        """Add a tool of this name."""

        def added() -> str:
            return name

        server.add_tool(added, name=name, description=f"The tool {name}.")
        await ctx.notify_tools_changed()
        if ctx.protocol_version != "2026-07-28":
            await ctx.session.send_tool_list_changed()
        return "grown"

    if where == "stdio":
        server.run()
        return
    app = server.streamable_http_app()
    listening = socket.socket(fileno=int(where))
    chosen = _Handshake(app) if era == "handshake" else app
    uvicorn.Server(uvicorn.Config(chosen, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
