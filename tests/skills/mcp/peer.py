"""A server over HTTP that offers the skills of a library: ``python -m tests.skills.mcp.peer FOLDER FD``."""

import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server import Server
from tests.skills.mcp.servers import library

from underpass.skills.mcp.serving import serve_skills


@contextmanager
def peer_over_http(folder: Path) -> Generator[str]:
    """Run this module over HTTP on loopback and give its URL."""
    with socket.socket() as listening:
        # Connections wait in the backlog until the server accepts: nobody has to wait for its start.
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port, number = listening.getsockname()[1], listening.fileno()
        arguments = [sys.executable, "-m", "tests.skills.mcp.peer", str(folder), str(number)]
        process = subprocess.Popen(arguments, pass_fds=[number], cwd=Path(__file__).parents[3])
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


def main(folder: str, descriptor: str) -> None:
    server = Server[Any]("peer")
    serve_skills(server, library(Path(folder)))
    app = server.streamable_http_app()
    listening = socket.socket(fileno=int(descriptor))
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
