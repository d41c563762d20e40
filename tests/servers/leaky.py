"""An MCP server that cannot keep a secret. Plain JSON-RPC over stdio, standard library only.

It prints its environment and arguments on stderr when it starts. With ``LEAK=exit`` in its environment
it ends then; otherwise each tool tells the secrets in its own way.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any
from urllib.parse import quote

SECRETS = [os.environ.get("SECRET", ""), *sys.argv[1:]]


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def call(request: Any, name: str, meta: dict[str, Any]) -> None:
    told = {"plain": SECRETS, "quoted": [quote(each, safe="") for each in SECRETS], SECRETS[0]: 1}
    content = [{"type": "text", "text": json.dumps(told)}, {"type": "text", "text": repr(SECRETS)}]
    match name:
        case "result":
            send({"id": request, "result": {"content": content, "structuredContent": told}})
        case "fail":
            text = f"401 for {SECRETS}"
            send({"id": request, "result": {"content": [{"type": "text", "text": text}], "isError": True}})
        case "error":
            error = {"code": -32000, "message": f"401 for {SECRETS}", "data": told}
            send({"id": request, "error": error})
        case "progress":
            params = {"progressToken": meta["progressToken"], "progress": 1, "message": str(SECRETS)}
            send({"method": "notifications/progress", "params": params})
            send({"id": request, "result": {"content": []}})
        case "noise":
            sys.stdout.write(f"no message: {SECRETS}\n")
            send({"id": request, "result": {"content": []}})
        case _:
            sys.stderr.write("x" * 70_000 + f"cannot go on with {SECRETS}\n")
            sys.stderr.flush()
            os._exit(3)


def main() -> None:
    print(dict(os.environ), sys.argv, *SECRETS, file=sys.stderr, flush=True)
    if os.environ.get("LEAK") == "exit":
        sys.exit(f"cannot log in with {SECRETS}")
    for line in sys.stdin:
        message = json.loads(line)
        params: dict[str, Any] = message.get("params") or {}
        match message.get("method"):
            case "initialize":
                info = {"name": "leaky", "version": "1"}
                version: dict[str, Any] = {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {}},
                    "serverInfo": info,
                }
                send({"id": message["id"], "result": version})
            case "tools/list":
                names = ("result", "fail", "error", "progress", "noise", "die")
                told = f"Uses {SECRETS}."
                tools = [
                    {"name": name, "description": told, "inputSchema": {"type": "object"}} for name in names
                ]
                send({"id": message["id"], "result": {"tools": tools}})
            case "tools/call":
                call(message["id"], params["name"], params.get("_meta") or {})
            case _:
                if "id" in message:
                    send({"id": message["id"], "error": {"code": -32601, "message": "unknown"}})


if __name__ == "__main__":
    main()
