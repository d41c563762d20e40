"""A server of the official SDK that counts in a file: ``python counting.py FILE``.

A count is on the disk before it is answered, so that the file says what has happened, whoever is killed.
"""

from __future__ import annotations

import os
import sys

from mcp.server import MCPServer


def main(path: str) -> None:
    server = MCPServer("counter")

    @server.tool()
    def increment(label: str) -> dict[str, int]:
        """Add a line to the file and say how many it has."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{label}\n".encode())
            os.fsync(descriptor)
            count = os.pread(descriptor, 1 << 20, 0).count(b"\n")
        finally:
            os.close(descriptor)
        return {"count": count}

    server.run("stdio")


if __name__ == "__main__":
    main(sys.argv[1])
