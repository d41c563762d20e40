"""A server of the official SDK with resources and prompts: ``python with_resources.py [FD]``.

It talks over stdio, or over HTTP on a listening socket of that number.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import ImageContent

PICTURE = bytes(range(256))


@contextmanager
def serve_resources() -> Generator[str]:
    """Run this file as a server over HTTP and give its URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port, number = listening.getsockname()[1], listening.fileno()
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(number)], pass_fds=[number], stderr=subprocess.DEVNULL
        )
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


def library() -> MCPServer:
    """A server with some of everything."""
    server = MCPServer("library")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.resource("note://today", mime_type="text/plain", description="What to do today.")
    def today() -> str:
        return "water the plants"

    @server.resource("data://sizes", mime_type="application/json")
    def sizes() -> str:
        return '{"small": 1, "large": 10}'

    @server.resource("file:///picture.png", mime_type="image/png", title="A picture")
    def picture() -> bytes:
        return PICTURE

    @server.resource("note://{name}")
    def note(name: str) -> str:
        return f"a note of {name}"

    @server.prompt(title="A greeting")
    def greet(name: str, times: int = 1) -> str:
        """Greet somebody."""
        return f"Say hello to {name}, {times + 0} times."

    @server.prompt()
    def look() -> list[UserMessage]:
        """Look at a picture."""
        return [
            UserMessage("What is this?"),
            UserMessage(ImageContent(type="image", data="AAEC", mime_type="image/png")),
        ]

    return server


def main(descriptor: int | None) -> None:
    """Serve."""
    server = library()
    if descriptor is None:
        server.run("stdio")
        return
    listening = socket.socket(fileno=descriptor)
    app = server.streamable_http_app()
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
