"""A server of the official SDK whose payments take their time: ``python patient.py FOLDER``.

A payment is noted before it is answered, and not answered before there is a file ``open`` in the folder.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mcp.server import MCPServer


def main(folder: Path) -> None:
    server = MCPServer("payments")

    @server.tool()
    def pay(order: str) -> dict[str, str]:
        """Pay an order."""
        descriptor = os.open(folder / "paid", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{order}\n".encode())
        os.close(descriptor)
        while not (folder / "open").exists():
            time.sleep(0.02)
        return {"paid": order}

    server.run("stdio")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
