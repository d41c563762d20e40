"""Other ways to run a model's code, in an environment and a process of their own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks.measure import Batch

_HERE = Path(__file__).parent
_PINS = _HERE / "pins" / "peers.txt"
_INSTALL_TIMEOUT = 300.0
_BATCH_TIMEOUT = 60.0
_LONGEST_ANSWER = 1 << 20


class PeersUnavailable(Exception):
    """The peers cannot be installed here; nothing can be said about them."""


async def interpreter() -> Path:
    """Return an interpreter that has the peers; makes its environment when the pins are new.

    Raises ``PeersUnavailable``.
    """
    folder = _HERE / ".peers" / hashlib.sha256(_PINS.read_bytes()).hexdigest()[:16]
    python, done = folder / "bin" / "python", folder / ".done"
    if not done.exists():
        await _installing([sys.executable, "-m", "venv", "--clear", str(folder)])
        await _installing([str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(_PINS)])
        done.touch()
    return python


async def _installing(command: list[str]) -> None:
    try:
        with anyio.fail_after(_INSTALL_TIMEOUT):
            await anyio.run_process(command)
    except TimeoutError as error:
        raise PeersUnavailable(f"{command[2]} took longer than {_INSTALL_TIMEOUT:.0f} s") from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().splitlines()
        raise PeersUnavailable(words[-1] if words else f"{command[2]} failed") from error


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
