"""A server on stdio that offers the skills of a library: run as `python -m tests.skills.mcp.peer FOLDER`."""

import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from tests.skills.mcp.servers import library

from underpass.skills.mcp.serving import serve_skills


async def main() -> None:
    server = Server[Any]("peer")
    serve_skills(server, library(Path(sys.argv[1])))
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
