"""A FastMCP server in code mode, whose programs run in the sandbox: python examples/fastmcp_code_mode.py."""

from __future__ import annotations

from typing import Any

from fastmcp import FastMCP
from fastmcp.experimental.transforms.code_mode import CodeMode

from underpass.adapters.fastmcp import UnderpassSandbox

sandbox = UnderpassSandbox()
server = FastMCP[Any]("shop", transforms=[CodeMode(sandbox_provider=sandbox)], lifespan=sandbox.lifespan)


@server.tool
def orders() -> list[dict[str, Any]]:
    """Return all orders."""
    return [{"id": number, "total": number % 50} for number in range(5_000)]


if __name__ == "__main__":
    server.run()
