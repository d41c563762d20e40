"""Language models that say what a script says, over HTTP: OpenAI's chat completions, Anthropic's messages."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.patience import LONG


@dataclass(frozen=True)
class Says:
    """One response: text, calls of functions, or both."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any] | str], ...] = ()
    """Name and arguments of each; arguments that are text are sent as they are."""
    thinks: str = ""
    """What it writes for itself first."""
    refuses: str = ""
    """Why it will not; nothing else is said then."""
    cut: bool = False
    """Whether it stops at the limit of its length."""
    waits: Event | None = None
    """Waited for in the middle."""
    counts: bool = True
    """Whether it says how many tokens it read and wrote."""
    name: str = "scripted"
    """What it calls itself."""


@dataclass(frozen=True)
class Fails:
    """One response that is none."""

    status: int = 500
    retry_after: str | None = None
    code: str = ""
    cut: bool = False
    """Whether a stream begins well and then breaks off."""
    malformed: bool = False
    """Whether what comes is no JSON."""
    html: bool = False
    """Whether it is a page of some other server's, with the status 200."""
    message: str = ""


def runs(*codes: str) -> Says:
    """The call that runs a program, or several at once."""
    return Says(calls=tuple(("run_code", {"code": code}) for code in codes))


@dataclass
class Model:
    """What a test says and sees of it."""

    script: list[Says | Fails]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The requests' bodies."""
    keys: list[str | None] = field(default_factory=list[str | None])

    @property
    def instructions(self) -> str:
        """What the model was told first, in the first request."""
        first = self.asked[0]
        return first["system"] if "system" in first else first["messages"][0]["content"]

    @property
    def last_read(self) -> str:
        """The last message of the last request, as JSON."""
        return json.dumps(self.asked[-1]["messages"][-1], ensure_ascii=False)


@contextmanager
def serve_model(*script: Says | Fails) -> Generator[Model]:
    """Serve a model that says one thing of the script for each request, and then fails."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        model = Model(list(script), f"http://127.0.0.1:{listening.getsockname()[1]}")
        app = Starlette(
            routes=[
                Route("/v1/chat/completions", _Answer(model, _openai), methods=["POST"]),
                Route("/v1/messages", _Answer(model, _anthropic), methods=["POST"]),
            ]
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield model
        finally:
            server.should_exit = True
            thread.join()


class _Answer:
    def __init__(self, model: Model, events: Any) -> None:
        self._model = model
        self._events = events

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self._model.asked.append(await request.json())
        headers = request.headers
        self._model.keys.append(headers.get("authorization") or headers.get("x-api-key"))
        step = self._model.script.pop(0) if self._model.script else Fails(400, code="script_is_over")
        await self._response(step)(scope, receive, send)

    def _response(self, step: Says | Fails) -> Response:
        if isinstance(step, Says):
            events = [f"{event}\n\n".encode() for event in self._events(step)]
            return StreamingResponse(_sent(events, waits=step.waits), media_type="text/event-stream")
        if step.html:
            return HTMLResponse("<html><body>Welcome!</body></html>")
        if step.cut or step.malformed:
            events = [f"{event}\n\n".encode() for event in self._events(Says("I begin to"))]
            broken = [b"data: {no json\n\n"] if step.malformed else []
            return StreamingResponse(_sent([*events[:2], *broken], cut=True), media_type="text/event-stream")
        error = {
            "type": step.code or "error",
            "code": step.code,
            "message": step.message or f"failed with {step.code}",
        }
        after = {"retry-after": step.retry_after} if step.retry_after is not None else {}
        return JSONResponse({"type": "error", "error": error}, step.status, after)


async def _sent(
    events: Sequence[bytes], *, cut: bool = False, waits: Event | None = None
) -> AsyncGenerator[bytes]:
    for place, event in enumerate(events):
        if waits is not None and place == len(events) // 2:
            # The client may be gone before anyone lets it go on.
            await anyio.to_thread.run_sync(waits.wait, LONG, abandon_on_cancel=True)
        yield event
    if cut:
        raise ConnectionResetError


def _openai(step: Says) -> Generator[str]:
    head = {"id": "chat", "object": "chat.completion.chunk", "created": 1, "model": step.name}

    def chunk(delta: Mapping[str, Any], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": dict(delta), "finish_reason": reason}
        return "data: " + json.dumps({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(step.thinks):
        yield chunk({"reasoning_content": piece})
    for piece in _pieces(step.refuses):
        yield chunk({"refusal": piece})
    for piece in _pieces(step.text):
        yield chunk({"content": piece})
    for place, (name, arguments) in enumerate(step.calls):
        function = {"name": name, "arguments": ""}
        yield chunk(
            {"tool_calls": [{"index": place, "id": f"c{place}", "type": "function", "function": function}]}
        )
        for piece in _pieces(_text(arguments)):
            yield chunk({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
    yield chunk({}, "length" if step.cut else "tool_calls" if step.calls else "stop")
    usage: dict[str, Any] = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    if step.thinks:
        usage["prompt_tokens_details"] = {"cached_tokens": 40}
        usage["completion_tokens_details"] = {"reasoning_tokens": 6}
    if step.counts:
        yield "data: " + json.dumps({**head, "choices": [], "usage": usage})
    yield "data: [DONE]"


def _anthropic(step: Says) -> Generator[str]:
    def event(kind: str, **more: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}"

    usage = {"input_tokens": 100, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "m", "type": "message", "role": "assistant", "model": step.name, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    yield event("message_start", message=message)
    blocks: list[tuple[dict[str, Any], str, str]] = []
    if step.thinks:
        blocks.append(({"type": "thinking", "thinking": "", "signature": "s"}, "thinking", step.thinks))
    if step.text:
        blocks.append(({"type": "text", "text": ""}, "text", step.text))
    for place, (name, arguments) in enumerate(step.calls):
        block: dict[str, Any] = {"type": "tool_use", "id": f"c{place}", "name": name, "input": {}}
        blocks.append((block, "input_json", _text(arguments)))
    for index, (block, kind, content) in enumerate(blocks):
        yield event("content_block_start", index=index, content_block=block)
        field_ = "partial_json" if kind == "input_json" else kind
        for piece in _pieces(content):
            yield event("content_block_delta", index=index, delta={"type": f"{kind}_delta", field_: piece})
        yield event("content_block_stop", index=index)
    reason = "tool_use" if step.calls else "end_turn"
    reason = "refusal" if step.refuses else "max_tokens" if step.cut else reason
    yield event(
        "message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": 10}
    )
    yield event("message_stop")


def _text(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _pieces(text: str) -> list[str]:
    return [text[start : start + 24] for start in range(0, len(text), 24)]
