"""An MCP server over stdio that doubles a number: standard library only, so that it is there at once.

Its second argument is a file: as long as there is one, the server ends when it is started.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_TOOL = {
    "name": "double",
    "description": "Return twice the number.",
    "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    "annotations": {"readOnlyHint": True, "idempotentHint": True},
}


def _result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "doubling", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [_TOOL]}
    if method == "ping":
        return {}
    value = {"n": params["arguments"]["n"] * 2}
    return {"content": [{"type": "text", "text": json.dumps(value)}], "structuredContent": value}


def main() -> None:
    """Answer until the input ends."""
    if Path(sys.argv[2]).exists():
        sys.exit("kept down")
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            known = message["method"] in {"initialize", "tools/list", "tools/call", "ping"}
            answer: dict[str, Any] = {"error": {"code": -32601, "message": "no such method"}}
            if known:
                answer = {"result": _result(message["method"], message.get("params", {}))}
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
