"""A server of the official SDK whose tool answers with the ``_meta`` of the request."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context


def main() -> None:
    server = MCPServer("echoing")

    @server.tool()
    def meta(context: Context[Any]) -> dict[str, Any]:
        """Say what the request had in its _meta."""
        return {"meta": dict(context.request_context.meta or {})}

    server.run("stdio")


if __name__ == "__main__":
    main()
