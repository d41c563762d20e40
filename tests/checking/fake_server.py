"""A language server that behaves as its argument says; a script."""

from __future__ import annotations

import json
import sys
from typing import Any


def read() -> dict[str, Any]:
    length = 0
    while (line := sys.stdin.buffer.readline()) != b"\r\n":
        if not line:
            raise SystemExit
        length = int(line.partition(b":")[2])
    return json.loads(sys.stdin.buffer.read(length))


def write(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Type: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


def main(behaviour: str) -> None:
    refused = 0
    while True:
        message = read()
        match behaviour, message.get("method"):
            case "deaf", _:
                continue
            case "mad", _:
                sys.stdout.buffer.write(b"Hello\r\n\r\n")
                sys.stdout.buffer.flush()
            case "listing", "initialize":
                sys.stdout.buffer.write(b"Content-Length: 2\r\n\r\n[]")
                sys.stdout.buffer.flush()
            case "huge", "initialize":
                sys.stdout.buffer.write(b"Content-Length: 99999999999\r\n\r\n")
                sys.stdout.buffer.flush()
            case _, "initialize":
                write({"id": message["id"], "result": {}})
            case "curious", "initialized":
                write({"id": 7, "method": "workspace/configuration", "params": {"items": [{}, {}]}})
                write({"id": 8, "method": "client/registerCapability", "params": {}})
                write({"method": "window/logMessage", "params": {}})
            case "curious", None:
                assert message["result"] == ([{"a": 1}, {"a": 1}] if message["id"] == 7 else None)
            case "mute", "textDocument/diagnostic":
                write({"id": message["id"], "result": {"kind": "full"}})
            case "busy", "textDocument/diagnostic" if refused < 2:
                refused += 1
                write({"id": message["id"], "error": {"code": -32802, "message": "later"}})
            case "too busy", "textDocument/diagnostic":
                write({"id": message["id"], "error": {"code": -32802, "message": "later"}})
            case _, "textDocument/diagnostic":
                write({"id": message["id"], "result": {"items": [{"code": behaviour}]}})
            case _:
                pass


if __name__ == "__main__":
    main(sys.argv[1])
