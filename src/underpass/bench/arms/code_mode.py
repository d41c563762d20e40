"""FastMCP's CodeMode: the real package, in an environment and a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from underpass.bench.answers import is_expected
from underpass.bench.conversation import Conversation, Spent, call_text, definition_text
from underpass.bench.missing import words
from underpass.bench.place import Place
from underpass.bench.task import Task
from underpass.errors import ServerUnavailable

_HITS: Final = 5
"""For each query, as many as Underpass answers with. By default CodeMode would answer with fifty."""
_LONGEST_ANSWER: Final = 1 << 26
_PATIENCE: Final = 120.0
"""Seconds for an answer of the peer's."""

_PARTING: Final = 10.0
_GONE: Final = (
    anyio.ClosedResourceError,
    anyio.BrokenResourceError,
    anyio.EndOfStream,
    anyio.IncompleteRead,
)


class CodeMode:
    """Searches, looks schemas up, and runs one program; what the schemas cost is the cheaper of two ways.

    Either a search answers with parameters at once, or with names, and ``get_schema`` tells the parameters of
    those that are needed.
    """

    name = "fastmcp"

    def __init__(self, peer: _Peer) -> None:
        self._peer = peer
        self._executed: dict[str, Mapping[str, Any]] = {}

    async def carry_out(self, task: Task, place: Place) -> Spent:
        """Talk to CodeMode both ways."""
        listed = {
            name: [
                {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
                for tool in tools
            ]
            for name, tools in place.definitions.servers.items()
        }
        shown = await self._peer.ask(open={"names": task.servers, "listed": listed})
        tools = [definition_text(each["name"], each["description"], each["inputSchema"]) for each in shown]
        needed = [f"{server}_{tool}" for server, tool in place.trajectory.tools]
        ways = [await self._way(task, tools, needed, detailed=detailed) for detailed in (True, False)]
        return min(ways, key=lambda spent: (not spent.correct, spent.total))

    async def _way(self, task: Task, tools: Sequence[str], needed: Sequence[str], *, detailed: bool) -> Spent:
        talk = Conversation()
        talk.read(*tools, task.command)
        more = {"limit": _HITS} | ({"detail": "detailed"} if detailed else {})
        await self._turn(talk, *(("search", {"query": query, **more}) for query in task.queries))
        if missing := [name for name in needed if not talk.has_read(name)]:
            await self._turn(talk, *(("search", {"query": words(name), **more}) for name in missing))
        if missing := [name for name in needed if not talk.has_read(name)]:
            return talk.spent(correct=False, note=f"not found: {', '.join(missing)}")
        if not detailed:
            await self._turn(talk, ("get_schema", {"tools": list(needed)}))
        if task.name not in self._executed:
            self._executed[task.name] = await self._peer.ask(call=["execute", {"code": task.code_mode}])
        answer = self._executed[task.name]
        talk.write(call_text("execute", {"code": task.code_mode}))
        talk.read(answer["text"])
        talk.write(answer["text"])
        correct = not answer["error"] and is_expected(task, _value(answer["text"], task.expected))
        return talk.spent(correct=correct, note=answer["text"][:300] if answer["error"] else "")

    async def _turn(self, talk: Conversation, *calls: tuple[str, dict[str, Any]]) -> None:
        talk.write(*(call_text(name, arguments) for name, arguments in calls))
        for name, arguments in calls:
            answer = await self._peer.ask(call=[name, arguments])
            talk.read(answer["text"])


def _value(text: str, expected: Any) -> Any:
    if isinstance(expected, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


class _Peer:
    """The process that has FastMCP."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)
        self._owed = False
        """Whether the answer to ``start`` is yet to come."""

    async def start(self, servers: Mapping[str, Any]) -> None:
        """Have it start its servers, while others start theirs."""
        await self._send({"servers": dict(servers)})
        self._owed = True

    async def ask(self, **order: Any) -> Any:
        """Give an order, and return its answer. Raises ``ServerUnavailable``."""
        if self._owed:
            self._owed = False
            await self._receive()
        await self._send(order)
        return await self._receive()

    async def _send(self, order: Mapping[str, Any]) -> None:
        try:
            await self._orders.send(json.dumps(order).encode() + b"\n")
        except _GONE as error:
            raise _silent() from error

    async def _receive(self) -> Any:
        try:
            with anyio.fail_after(_PATIENCE):
                answer: Any = json.loads(await self._answers.receive_until(b"\n", _LONGEST_ANSWER))
        except (TimeoutError, *_GONE) as error:
            raise _silent() from error
        if (failure := _failure(answer)) is not None:
            raise ServerUnavailable(f"FastMCP failed: {failure}", server="fastmcp")
        return answer


def _silent() -> ServerUnavailable:
    return ServerUnavailable(
        "FastMCP gives no answer", hint="leave it out, or install it anew", server="fastmcp"
    )


def _failure(answer: Any) -> str | None:
    return cast("dict[str, Any]", answer).get("failed") if isinstance(answer, dict) else None


@asynccontextmanager
async def code_mode(python: Path, servers: Mapping[str, Any]) -> AsyncGenerator[CodeMode]:
    """Start the peer, and end it with its servers.

    Parameters:
        python: an interpreter that has FastMCP.
        servers: entries of ``mcpServers``; their data must be its own.

    Raises:
        ServerUnavailable: it does not start, or a server does not.
    """
    script = Path(__file__).with_name("code_mode_peer.py")
    process = await anyio.open_process([python, str(script)], stderr=subprocess.DEVNULL)
    async with process:
        try:
            peer = _Peer(process)
            await peer.start(servers)
            yield CodeMode(peer)
        finally:
            # Its servers end with it, when it ends by itself.
            with anyio.move_on_after(_PARTING, shield=True):
                assert process.stdin is not None
                await process.stdin.aclose()
                await process.wait()
