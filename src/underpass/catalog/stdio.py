"""The stdio transport: the SDK's stream contract over a server's process.

The SDK's own keeps neither stderr nor a bound on a line, logs each line that is no message, and takes
quadratic time for a long one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from underpass.catalog.framing import LineSplitter, Oversized, error_message, parse_line
from underpass.catalog.process import EXIT_GRACE, ServerProcess
from underpass.catalog.spec import ServerSpec
from underpass.catalog.stderr import Tail

Streams: TypeAlias = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
]

_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
_CHUNK = 256 * 1024
_FLUSH = 0.5
_SHOWN_LINE = 200


@asynccontextmanager
async def stdio_transport(
    spec: ServerSpec, tail: Tail, limit: int, started: Callable[[ServerProcess], None]
) -> AsyncGenerator[Streams]:
    """Start a server's process and speak with it until the block is left; then end its whole tree.

    Parameters:
        tail: takes the server's stderr, and the start of each line on stdout that is no message.
        limit: bytes of one message; a larger answer becomes an error with an ``Oversized`` as its data.
        started: told of the process.
    """
    assert spec.command is not None
    process = await ServerProcess.start(spec.command, spec.args, spec.env, spec.cwd)
    # No await until the task group is entered: a cancellation in between would leave the process behind.
    started(process)
    incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    flushed = anyio.Event()
    grace = EXIT_GRACE
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(process.capture_stderr, tail)
        tasks.start_soon(_read, process, incoming, tail, limit)
        tasks.start_soon(_write, process, outgoing, incoming, flushed)
        try:
            yield read, write
        except anyio.get_cancelled_exc_class():
            grace = 0
            raise
        finally:
            with anyio.CancelScope(shield=True):
                read.close()
                write.close()
                with anyio.move_on_after(_FLUSH):
                    await flushed.wait()
                await process.stop(grace)
            tasks.cancel_scope.cancel()


async def _read(
    process: ServerProcess,
    incoming: MemoryObjectSendStream[SessionMessage | Exception],
    tail: Tail,
    limit: int,
) -> None:
    splitter = LineSplitter(limit)
    try:
        with incoming:
            while True:
                for line in splitter.feed(await process.stdout.receive(_CHUNK)):
                    for message in _messages(line, tail):
                        await incoming.send(SessionMessage(message))
    except _GONE:
        pass
    # A server that is still writing could not leave: take what it has to say.
    try:
        while True:
            await process.stdout.receive(_CHUNK)
    except _GONE:
        return


def _messages(line: bytes | Oversized, tail: Tail) -> list[types.JSONRPCMessage]:
    if isinstance(line, Oversized):
        tail.write(b"(stdout) a line of %d bytes, over the limit\n" % line.size)
        if line.request_id is None:
            return []
        return [error_message(line.request_id, types.INTERNAL_ERROR, "the answer is too large", line)]
    messages = parse_line(line)
    if not messages and line.strip():
        tail.write(b"(stdout) " + line[:_SHOWN_LINE] + b"\n")
    return messages


async def _write(
    process: ServerProcess,
    outgoing: MemoryObjectReceiveStream[SessionMessage],
    incoming: MemoryObjectSendStream[SessionMessage | Exception],
    flushed: anyio.Event,
) -> None:
    try:
        with outgoing:
            async for item in outgoing:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await process.stdin.send(text.encode() + b"\n")
    except _GONE:
        # It may live on with its input closed: end the conversation rather than leave requests waiting.
        incoming.close()
    finally:
        flushed.set()
