"""An HTTP server that misbehaves on demand, on a thread of this process. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    """Speaks the handshake era. The tool ``forget`` ends the session; the others answer as named."""

    sessions: set[str]
    refuse: int | None
    tools: Sequence[object]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method, request_id = message.get("method"), message.get("id")
        if self.refuse is not None:
            self.answer(self.refuse)
        elif method == "server/discover":
            self.answer(400)
        elif method == "initialize":
            self.sessions.add(session := f"session-{len(self.sessions)}")
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "serverInfo": {"name": "h", "version": ""},
            }
            self.answer(200, {"jsonrpc": "2.0", "id": request_id, "result": result}, session)
        elif self.headers.get("mcp-session-id") not in self.sessions:
            self.answer(404)
        elif method == "tools/list":
            self.answer(200, {"jsonrpc": "2.0", "id": request_id, "result": {"tools": self.tools}})
        elif method == "tools/call":
            self.call(request_id, message["params"]["name"])
        else:
            self.answer(202)

    def call(self, request_id: int, tool: str) -> None:
        match tool:
            case "forget":
                self.sessions.clear()
                self.answer(404)
            case "accepted":
                self.answer(202)
            case "failing":
                self.answer(500)
            case "html":
                self.answer(200, "<html>", kind="text/html")
            case "no_json":
                self.answer(200, "nonsense")
            case "cut_stream":
                self.answer(200, "event: message\n", kind="text/event-stream")
            case _:
                result = {"content": [{"type": "text", "text": "well"}]}
                self.answer(200, {"jsonrpc": "2.0", "id": request_id, "result": result})

    def answer(
        self, status: int, body: object = "", session: str | None = None, kind: str = "application/json"
    ) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        if session:
            self.send_header("mcp-session-id", session)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.answer(405)

    def do_DELETE(self) -> None:
        self.answer(405)


@contextmanager
def hostile_http(*, refuse: int | None = None, tools: Sequence[object] = ()) -> Generator[str]:
    """Serve on loopback and give the URL.

    Parameters:
        refuse: answer everything with this status.
        tools: what is listed.
    """
    handler = type("Handler", (_Handler,), {"sessions": set[str](), "refuse": refuse, "tools": tools})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mcp"
        finally:
            server.shutdown()
            thread.join()
