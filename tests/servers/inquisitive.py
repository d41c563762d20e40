"""A server of an older revision that asks its user during a call: ``python inquisitive.py``."""

from __future__ import annotations

import json
import sys
from typing import Any

SCHEMA = {
    "type": "object",
    "properties": {
        "colour": {"type": "string", "enum": ["red", "blue"], "description": "The one you like"},
        "count": {"type": "integer"},
        "sure": {"type": "boolean"},
    },
    "required": ["colour"],
}
"""What it wants to know."""
TOOL: dict[str, Any] = {
    "name": "paint",
    "description": "Paint it",
    "inputSchema": {"type": "object", "properties": {}},
}


def main() -> None:
    """Answer until the input ends."""
    asked: dict[str, Any] = {}
    for line in sys.stdin:
        message = json.loads(line)
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            capabilities = message["params"]["capabilities"]
            assert "elicitation" in capabilities
            _answer(
                number,
                {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "inquisitive", "version": "1"},
                },
            )
        elif method == "tools/list":
            _answer(number, {"tools": [TOOL]})
        elif method == "tools/call":
            asked[f"q{number}"] = number
            _send(
                {
                    "id": f"q{number}",
                    "method": "elicitation/create",
                    "params": {"message": "Which\ncolour?", "requestedSchema": SCHEMA},
                }
            )
        elif method is None and number in asked:
            text = json.dumps(message.get("result", message.get("error")))
            _answer(asked.pop(number), {"content": [{"type": "text", "text": text}]})
        elif method == "ping":
            _answer(number, {})
        elif method is not None and number is not None:
            _send({"id": number, "error": {"code": -32601, "message": f"no {method}"}})


def _answer(number: Any, result: dict[str, Any]) -> None:
    _send({"id": number, "result": result})


def _send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
