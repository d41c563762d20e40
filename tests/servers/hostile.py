"""An MCP server that misbehaves on demand. Plain JSON-RPC over stdio, standard library only.

Each argument changes how it starts or lists; each tool misbehaves in the way of its name. Arguments:
``hang-at-start``, ``exit-at-start``, ``banner``, ``modern``, ``ignore-sigterm``, ``malformed-tools``,
``endless-cursor``, ``repeating-cursor``, ``paged``, ``no-list``, ``no-tools``, ``hang-in-listing``;
``tools=FILE`` lists what a JSON file holds; ``listen-refused`` and ``listen-lost`` go with ``modern``.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

BEHAVIOUR = set(sys.argv[1:])
ANY: dict[str, Any] = {"type": "object"}
TOOLS: tuple[str, ...] = (
    "echo", "die", "kill", "hang", "huge", "flood", "fail", "rpc_error", "nan", "raw", "stderr", "late",
    "progress", "gather", "spawn", "pid", "cancelled", "batch", "image", "close_stdout", "environment",
)  # fmt: skip
waiting: list[tuple[Any, Any]] = []
cancelled: list[Any] = []
late: set[Any] = set()
listens: list[Any] = []


def send(message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request_id: Any, result: Any) -> None:
    era: dict[str, Any] = {"resultType": "complete"} if "modern" in BEHAVIOUR else {}
    send({"jsonrpc": "2.0", "id": request_id, "result": era | result if isinstance(result, dict) else result})


def text(request_id: Any, value: Any, *, is_error: bool = False) -> None:
    shown = value if isinstance(value, str) else json.dumps(value)
    answer(request_id, {"content": [{"type": "text", "text": shown}], "isError": is_error})


def tool(called: str, **changes: Any) -> dict[str, Any]:
    return {"name": called, "description": f"The tool {called}.", "inputSchema": ANY, **changes}


def malformed_tools() -> list[Any]:
    return [
        tool("good"),
        "no object",
        {"description": "no name", "inputSchema": ANY},
        tool("number", name=7),
        tool("good", description="again"),
        tool("null_schema", inputSchema=None),
        {"name": "no_schema"},
        tool("untyped", inputSchema={"properties": {"a": {"type": "string"}}}),
        tool("list_schema", inputSchema=["a", "b"]),
        tool("string_schema", inputSchema={"type": "string"}),
        tool("boolean_parts", inputSchema={"type": "object", "properties": {"a": True, "b": False}}),
        tool("bad_required", inputSchema={"type": "object", "required": "a"}),
        tool("bad_texts", description=5, title=["t"]),
        tool("bad_annotations", annotations="read only"),
        tool("bad_output", outputSchema="string"),
        tool("bad_extras", icons="icon.png", _meta=[1]),
        tool("vast", description="x" * 2_000_000),
        tool("too_vast", inputSchema={"type": "object", "description": "x" * 2_000_000}),
        tool("last"),
    ]


def list_tools(request_id: Any, cursor: str | None) -> None:
    if "hang-in-listing" in BEHAVIOUR:
        return
    if "no-list" in BEHAVIOUR:
        answer(request_id, {"tools": "none"})
    elif "no-tools" in BEHAVIOUR:
        send({"jsonrpc": "2.0", "id": request_id, "error": {"code": -32601, "message": "no such method"}})
    elif given := next((word for word in BEHAVIOUR if word.startswith("tools=")), None):
        answer(request_id, {"tools": json.loads(Path(given.removeprefix("tools=")).read_text())})
    elif "malformed-tools" in BEHAVIOUR:
        answer(request_id, {"tools": malformed_tools()})
    elif "endless-cursor" in BEHAVIOUR:
        page = int(cursor or 0) + 1
        answer(request_id, {"tools": [tool(f"tool_{page}")], "nextCursor": str(page)})
    elif "repeating-cursor" in BEHAVIOUR:
        answer(request_id, {"tools": [tool(f"tool_{cursor}")], "nextCursor": "again"})
    elif "paged" in BEHAVIOUR and cursor is None:
        answer(request_id, {"tools": [tool(name) for name in TOOLS[:3]], "nextCursor": "rest"})
    else:
        names = TOOLS[3:] if cursor == "rest" else TOOLS
        answer(request_id, {"tools": [tool(name) for name in names], "ttlMs": 0, "cacheScope": "private"})


def listen(request_id: Any) -> None:
    if "listen-lost" in BEHAVIOUR:
        params = {
            "_meta": {"io.modelcontextprotocol/subscriptionId": request_id},
            "notifications": {"toolsListChanged": True},
        }
        send({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params})
    send({"jsonrpc": "2.0", "id": request_id, "error": {"code": -32000, "message": "no more"}})


def call(request_id: Any, name: str, arguments: dict[str, Any], meta: dict[str, Any]) -> None:
    match name:
        case "echo":
            text(request_id, arguments)
        case "die":
            sys.stderr.write("the disk is on fire\n")
            sys.stderr.flush()
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            waiting.append((request_id, name))
        case "late":
            late.add(request_id)
        case "huge":
            # Written in parts: the point is the reader's memory, not this process's.
            sys.stdout.write(
                f'{{"jsonrpc":"2.0","id":{request_id},"result":{{"content":[{{"type":"text","text":"'
            )
            for _ in range(arguments["megabytes"]):
                sys.stdout.write("x" * 1_000_000)
            sys.stdout.write('"}]}}\n')
            sys.stdout.flush()
        case "flood":
            for number in range(arguments["lines"]):
                sys.stdout.write(f"DEBUG {number} this is no JSON-RPC\n")
            sys.stdout.write('{"half": \n{}\n[1, 2]\n"text"\n\x00\xff\n')
            text(request_id, "done")
        case "fail":
            text(request_id, arguments.get("text", "it failed"), is_error=True)
        case "rpc_error":
            send({"jsonrpc": "2.0", "id": request_id, "error": arguments["error"]})
        case "nan":
            answer(request_id, {"content": [], "structuredContent": {"x": float("nan"), "y": "\ud800"}})
        case "raw":
            answer(request_id, arguments["result"])
        case "stderr":
            sys.stderr.write("noise " * 200_000 + "the end")
            sys.stderr.flush()
            os._exit(1)
        case "progress":
            for step in range(1, arguments["steps"] + 1):
                params = {
                    "progressToken": meta["progressToken"],
                    "progress": step,
                    "total": arguments["steps"],
                }
                send(
                    {
                        "jsonrpc": "2.0",
                        "method": "notifications/progress",
                        "params": {**params, "message": "on"},
                    }
                )
            text(request_id, "done")
        case "gather":
            waiting.append((request_id, name))
            calls = [waited for waited, which in waiting if which == "gather"]
            if len(calls) == arguments["calls"]:
                for waited in reversed(calls):
                    text(waited, {"id": waited})
                waiting.clear()
        case "spawn":
            child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
            text(request_id, {"pid": child.pid})
        case "listens":
            text(request_id, len(listens))
        case "pid":
            text(request_id, {"pid": os.getpid()})
        case "cancelled":
            text(request_id, cancelled)
        case "batch":
            result = {"content": [{"type": "text", "text": "one of several"}]}
            note = {
                "jsonrpc": "2.0",
                "method": "notifications/message",
                "params": {"level": "info", "data": 1},
            }
            send([note, {"jsonrpc": "2.0", "id": str(request_id), "result": result}])
        case "image":
            data = base64.b64encode(b"\x89PNG").decode()
            answer(request_id, {"content": [{"type": "image", "mimeType": "image/png", "data": data}]})
        case "close_stdout":
            os.close(1)
        case "environment":
            text(request_id, dict(os.environ))
        case _:
            send(
                {"jsonrpc": "2.0", "id": request_id, "error": {"code": -32602, "message": f"no tool {name}"}}
            )


def handle(message: dict[str, Any]) -> None:
    request_id = message.get("id")
    params: dict[str, Any] = message.get("params") or {}
    result: dict[str, Any]
    match message.get("method"):
        case "server/discover" if "modern" in BEHAVIOUR:
            tells = bool(BEHAVIOUR & {"listen-refused", "listen-lost"})
            result = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": tells}}}
            answer(request_id, {**result, "ttlMs": 0, "cacheScope": "private"})
        case "initialize":
            info = {"name": "hostile", "version": "1"}
            result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}}
            answer(request_id, {**result, "serverInfo": info})
        case "subscriptions/listen":
            listens.append(request_id)
            listen(request_id)
        case "tools/list":
            list_tools(request_id, params.get("cursor"))
        case "tools/call":
            call(request_id, params["name"], params.get("arguments") or {}, params.get("_meta") or {})
        case "notifications/cancelled":
            cancelled.append(params["requestId"])
            if params["requestId"] in late:
                text(params["requestId"], "too late")
        case _:
            if request_id is not None:
                send({"jsonrpc": "2.0", "id": request_id, "error": {"code": -32601, "message": "unknown"}})


def main() -> None:
    if "ignore-sigterm" in BEHAVIOUR:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "exit-at-start" in BEHAVIOUR:
        sys.exit("no API key: set HOSTILE_KEY")
    if "hang-at-start" in BEHAVIOUR:
        sys.stderr.write("waiting for nobody\n")
        sys.stderr.flush()
        signal.pause()
    if "banner" in BEHAVIOUR:
        sys.stdout.write("*** Welcome to the hostile server ***\n")
    for line in sys.stdin:
        handle(json.loads(line))
    if "ignore-sigterm" in BEHAVIOUR:
        signal.pause()


if __name__ == "__main__":
    main()
