"""A server of the official SDK that remembers notes: ``python remembering.py FOLDER``.

Every call is a line of ``calls`` in the folder before it is answered, whoever is killed.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from mcp_types import ToolAnnotations

PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
)
READS = ToolAnnotations(read_only_hint=True)


def main(folder: Path, words: str = "") -> None:
    server = MCPServer("notes")

    def count(call: str) -> None:
        descriptor = os.open(folder / "calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{call}\n".encode())
        os.close(descriptor)

    def note(name: str) -> str:
        path = folder / f"note-{name}"
        return path.read_text() if path.exists() else ""

    @server.tool(annotations=READS, description=f"Return a note.{words}")
    def read(name: str) -> dict[str, str]:
        count(f"read {name}")
        return {"text": note(name)}

    @server.tool(annotations=READS)
    def read_slowly(name: str) -> dict[str, str]:
        """Return a note, after a while."""
        count(f"read_slowly {name}")
        text = note(name)
        time.sleep(0.3)
        return {"text": text}

    @server.tool(annotations=READS)
    def draw() -> Image:
        """Return a picture."""
        count("draw")
        return Image(data=PIXEL, format="png")

    @server.tool()
    def write(name: str, text: str) -> dict[str, str]:
        """Change a note."""
        count(f"write {name}")
        (folder / f"note-{name}").write_text(text)
        return {"text": text}

    server.run("stdio")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
