"""Other ways to run a model's code, in an environment and a process of their own."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks.measure import Batch
from underpass.bench import fastmcp_environment
from underpass.errors import ServerUnavailable

_HERE = Path(__file__).parent
_BATCH_TIMEOUT = 60.0
_LONGEST_ANSWER = 1 << 20


class PeersUnavailable(Exception):
    """The peers cannot be installed here; nothing can be said about them."""


async def interpreter() -> Path:
    """Return an interpreter that has the peers; makes its environment when the pins are new.

    Raises ``PeersUnavailable``.
    """
    try:
        python = await anyio.to_thread.run_sync(partial(fastmcp_environment.interpreter, install=True))
    except ServerUnavailable as error:
        raise PeersUnavailable(error.message) from error
    assert python is not None
    return python


class Peers:
    """The process that runs ``peer.py``."""

    def __init__(self, process: anyio.abc.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)

    def batch(self, work: str, *, pause: float = 0) -> Batch:
        """Make a batch of one of its works; raises ``TimeoutError`` where one never ends."""

        async def run(times: int) -> list[float]:
            with anyio.fail_after(_BATCH_TIMEOUT):
                await self._orders.send(f"{work} {times} {pause}\n".encode())
                return json.loads(await self._answers.receive_until(b"\n", _LONGEST_ANSWER))

        return run


@asynccontextmanager
async def opened() -> AsyncGenerator[Peers]:
    """Start the peers' process, and end it. Raises ``PeersUnavailable``."""
    python = await interpreter()
    async with await anyio.open_process([python, str(_HERE / "peer.py")], stderr=None) as process:
        try:
            yield Peers(process)
        finally:
            process.terminate()
