"""FastMCP's side of the comparison. Runs with the interpreter of FastMCP's own environment, not with ours.

Reads orders as JSON lines, and writes an answer to each:

``{"servers": {NAME: ENTRY}}`` starts servers. ``{"open": {"names": [...], "listed": {SERVER: [TOOL, ...]}}}``
puts some of them and tools that are only listed behind CodeMode. ``{"call": [TOOL, ARGUMENTS]}`` calls one of
CodeMode's tools.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys
from contextlib import AsyncExitStack
from typing import Any

# Not installed where this file is checked.
fastmcp: Any = importlib.import_module("fastmcp")
servers: Any = importlib.import_module("fastmcp.server")
code_mode: Any = importlib.import_module("fastmcp.experimental.transforms.code_mode")
tools: Any = importlib.import_module("fastmcp.tools")


class Listed(tools.Tool):  # type: ignore[misc] # of a package that is not installed where this is checked
    """A tool that is only listed."""

    async def run(self, arguments: dict[str, Any]) -> Any:  # noqa: ARG002 - nobody calls it
        """Refuse."""
        raise RuntimeError("this server only lists its tools")


class Peer:
    """Answers orders."""

    def __init__(self, started: AsyncExitStack, opened: AsyncExitStack) -> None:
        self._started = started
        self._opened = opened
        self._proxies: dict[str, Any] = {}
        self._client: Any = None

    async def servers(self, entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Start servers."""
        clients = {
            name: fastmcp.Client({"mcpServers": {name: entry}}, mode="legacy")
            for name, entry in entries.items()
        }
        await asyncio.gather(*(self._started.enter_async_context(client) for client in clients.values()))
        self._proxies = {name: servers.create_proxy(client) for name, client in clients.items()}
        return {}

    async def open(self, connected: dict[str, Any]) -> list[dict[str, Any]]:
        """Begin anew, with what is connected; returns CodeMode's tools."""
        await self._opened.aclose()
        server = fastmcp.FastMCP("everything", transforms=[code_mode.CodeMode()])
        for name in connected["names"]:
            server.mount(self._proxies[name], namespace=name)
        for name, listed in connected["listed"].items():
            part = fastmcp.FastMCP(name)
            for tool in listed:
                part.add_tool(
                    Listed(name=tool["name"], description=tool["description"], parameters=tool["inputSchema"])
                )
            server.mount(part, namespace=name)
        self._client = await self._opened.enter_async_context(fastmcp.Client(server))
        shown = await self._client.list_tools()
        return [
            {"name": each.name, "description": each.description or "", "inputSchema": each.input_schema}
            for each in shown
        ]

    async def call(self, called: list[Any]) -> dict[str, Any]:
        """Call one of CodeMode's tools; returns what a client shows its model."""
        name, arguments = called
        result = await self._client.call_tool(name, arguments, raise_on_error=False)
        text = "\n".join(block.text for block in result.content if block.type == "text")
        return {"text": text, "error": bool(result.is_error)}


async def main() -> None:
    """Answer orders until there are no more."""
    logging.disable(logging.CRITICAL)
    async with AsyncExitStack() as started, AsyncExitStack() as opened:
        peer = Peer(started, opened)
        while line := await asyncio.to_thread(sys.stdin.readline):
            [(name, order)] = json.loads(line).items()
            answer: Any
            try:
                answer = await getattr(peer, name)(order)
            except Exception as error:  # noqa: BLE001 - the other side tells of it
                answer = {"failed": f"{type(error).__name__}: {error}"}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
