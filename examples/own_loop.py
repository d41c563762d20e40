"""Underpass in an agent loop of one's own: three plain tools, whatever the model's client is.

    python examples/own_loop.py

The "model" here is a list of what it would ask for.
"""

from __future__ import annotations

from typing import Any

import anyio
from mcp.server import MCPServer

from underpass import Underpass

shop = MCPServer("shop")


@shop.tool()
def orders() -> list[dict[str, Any]]:
    """Return all orders."""
    return [{"id": number, "total": number % 50} for number in range(5_000)]


ASKED_FOR = [
    ("search_tools", {"query": "orders of the shop"}),
    ("run_code", {"code": "from mcp_servers import shop\nsum(o['total'] for o in await shop.orders())"}),
]


async def main() -> list[str]:
    """Answer what the model asks for, and return what it reads."""
    async with Underpass.open({"shop": shop}) as up:
        tools = {tool.name: tool for tool in up.as_tools()}
        for tool in tools.values():
            print(tool.name, tool.parameters)  # give these to the model, with tool.description
        return [await tools[name](**arguments) for name, arguments in ASKED_FOR]


if __name__ == "__main__":
    print(*anyio.run(main), sep="\n")
