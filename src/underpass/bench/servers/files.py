"""Files below one folder, with the tools that servers for files have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from underpass.bench.servers import store

PathText = Annotated[str, Field(description="Path relative to the project's folder, e.g. 'src/billing'")]


def serve(root: Path) -> MCPServer:
    """The server."""
    server = MCPServer("files")
    root = root.resolve()

    def inside(path: str) -> Path:
        found = (root / path).resolve()
        if not found.is_relative_to(root):
            raise ToolError(f"Access denied - path outside allowed directory: {path}")
        return found

    def existing(path: str) -> Path:
        found = inside(path)
        if not found.exists():
            raise ToolError(f"ENOENT: no such file or directory: {path}")
        return found

    @server.tool(structured_output=False)
    def list_directory(path: PathText = ".") -> str:
        """List a directory, one entry a line: [FILE] or [DIR], and the name."""
        entries = sorted(existing(path).iterdir())
        return "\n".join(f"[{'DIR' if entry.is_dir() else 'FILE'}] {entry.name}" for entry in entries)

    @server.tool(structured_output=False)
    def search_files(
        pattern: Annotated[str, Field(description="Glob pattern, e.g. '**/*.py'")], path: PathText = "."
    ) -> str:
        """Search files recursively by a glob pattern. Returns their paths, one a line."""
        found = sorted(
            file.relative_to(root).as_posix() for file in existing(path).glob(pattern) if file.is_file()
        )
        return "\n".join(found) or "No matches found"

    @server.tool(structured_output=False)
    def read_file(path: PathText) -> str:
        """Read the complete contents of a text file."""
        return existing(path).read_text(encoding="utf-8")

    @server.tool(structured_output=False)
    def write_file(
        path: PathText, content: Annotated[str, Field(description="The whole new content")]
    ) -> str:
        """Create a file, or overwrite it."""
        store.write(inside(path), content.encode())
        return f"Successfully wrote {len(content)} characters to {path}"

    @server.tool(structured_output=False)
    def get_file_info(path: PathText) -> str:
        """Get a file's size in bytes and whether it is a directory, one fact a line."""
        found = existing(path)
        return f"size: {found.stat().st_size}\nisDirectory: {str(found.is_dir()).lower()}"

    return server


if __name__ == "__main__":
    serve(store.given_path()).run("stdio")
