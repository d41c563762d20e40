"""The facade's unlisted tool: one call for code of ours that runs outside of a sandbox.

Models are not told of it, since its results would go through their context. It opens nothing: each
call goes through the broker, as it would from a program given to ``run_code``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from mcp_types import CallToolResult, TextContent

from underpass.errors import ToolError

Call = Callable[[str, str, Mapping[str, Any]], Awaitable[Any]]
"""Calls a tool by server, tool and arguments. Raises ``ToolError``."""

NAME: Final = "call_tool"
INPUT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "server": {"type": "string"},
        "tool": {"type": "string"},
        "arguments": {"type": "object"},
    },
    "required": ["server", "tool"],
}


async def answer(call: Call, server: str, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
    """Make a call. The answer's one text is JSON: the value, or the error with its type, hint and data.

    As text it reaches the other side as it is, whatever the SDK does to a structured result.
    """
    try:
        text = orjson.dumps(await call(server, tool, arguments)).decode()
    except ToolError as error:
        text = orjson.dumps(error.to_dict(), default=str).decode()
        return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
    return CallToolResult(content=[TextContent(type="text", text=text)])
