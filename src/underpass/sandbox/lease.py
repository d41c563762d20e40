"""The seam between the road of a run and whatever isolates it."""

from __future__ import annotations

import json
import math
import re
import signal
import socket
from dataclasses import dataclass
from typing import Any, Protocol, cast

import anyio
import anyio.lowlevel
import orjson
from anyio import to_thread

from underpass.errors import SandboxCrashed
from underpass.sandbox.environment import SandboxEnvironment


@dataclass(frozen=True, slots=True)
class Exit:
    """How a sandbox's process ended."""

    status: int
    """The exit status, or minus the number of the signal that ended it."""
    cpu: float = 0.0
    """Seconds of processor time."""
    limit: tuple[str, int] | None = None
    """The setting of the limit that ended it, and its value, where that is known."""

    def describe(self) -> str:
        """Say it in words: ``signal 11 (SIGSEGV)`` or ``exit status 70``."""
        if self.status < 0:
            return f"signal {-self.status} ({signal.Signals(-self.status).name})"
        return f"exit status {self.status}"


class Lease(Protocol):
    """A fresh guest, one agent's, reached through one channel; it serves one run and dies.

    It was told the agent's name already, and reads a ``run`` frame.
    """

    channel: Channel

    async def ended(self) -> Exit:
        """Wait for the end of the guest's process."""
        ...

    def limit_file_size(self, size: int) -> None:
        """Let no file that the guest writes grow beyond ``size`` bytes from now on."""
        ...

    def kill(self) -> None:
        """End the guest, whatever it is doing; its channel closes by that."""
        ...

    def release(self) -> None:
        """End the guest, whatever it is doing, and close its channel."""
        ...


class Sandbox(Protocol):
    """Somewhere to run code."""

    label: str
    """Its name in results: ``process``, ``none`` …"""

    async def lease(self, agent: str, environment: SandboxEnvironment | None = None) -> Lease:
        """Return a guest in ``agent``'s workspace, with the packages of ``environment``.

        Raises ``SandboxUnavailable`` where the isolation cannot be had and ``Overloaded`` where
        every sandbox is busy.
        """
        ...


_GONE = "its process is gone: run the program again"
_HEADER = 4
_HUGE = re.compile(rb"[eE]\+?[0-9]{3}|[0-9]{309}")
_CHUNK = 1 << 16
_BIG = 1 << 18
"""Bytes after which other tasks get their turn, and from which a frame is parsed in a thread."""
_FRAME_COST = 8_192
"""What a frame of any size counts for, in bytes: reading or answering it takes as long."""


class Channel:
    """The host's end of a guest's byte stream. It trusts nothing that comes out of it.

    Frames are capped in length and must be JSON objects in strict form: valid UTF-8, no NaN, no
    lone surrogates, nesting that Python's parser takes. Anything else raises ``SandboxCrashed``.
    """

    def __init__(self, end: socket.socket, *, max_frame: int) -> None:
        end.setblocking(False)
        self._socket = end
        self._buffer = bytearray()
        self._max_frame = max_frame
        self._sending: anyio.Lock | None = None
        """Made when the guest reads too slowly for the first time: few ever do."""
        self._unyielding = 0
        self.finished = False
        """Set by the reader at the guest's last word: the guest then ends by itself, and soon."""
        self.torn = False
        """Whether a frame was sent in part: what the guest reads after it would be none."""

    async def send(self, *frames: bytes) -> None:
        """Send frames that are JSON already. Raises ``SandboxCrashed`` when the guest has gone."""
        data = b"".join([len(frame).to_bytes(_HEADER, "little") + frame for frame in frames])
        self._unyielding += len(data) + _FRAME_COST
        sent = self._send(data) if self._sending is None or not self._sending.locked() else 0
        if sent < len(data):
            await self._send_rest(memoryview(data)[sent:])

    async def _send_rest(self, rest: memoryview) -> None:
        if self._sending is None:
            self._sending = anyio.Lock(fast_acquire=True)
        async with self._sending:
            # Until the end of the frame, for whoever waits here may be cancelled.
            self.torn = True
            while rest:
                if sent := self._send(rest):
                    rest = rest[sent:]
                else:
                    await anyio.wait_writable(self._socket)
            self.torn = False

    def _send(self, data: bytes | memoryview) -> int:
        """Send as much as there is room for, and return how much that was."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise SandboxCrashed("the sandbox closed its channel", hint=_GONE) from error

    async def receive(self) -> tuple[dict[str, Any], int]:
        """Return the next frame and its size in bytes. Raises ``SandboxCrashed``."""
        while True:
            if len(self._buffer) >= _HEADER:
                size = int.from_bytes(self._buffer[:_HEADER], "little")
                if size > self._max_frame:
                    raise FrameTooLarge(size, self._max_frame)
                end = _HEADER + size
                if len(self._buffer) >= end:
                    body = bytes(self._buffer[_HEADER:end])
                    del self._buffer[:end]
                    return await self._parsed(body), size
            await self._fill()

    async def _parsed(self, body: bytes) -> dict[str, Any]:
        self._unyielding += len(body) + _FRAME_COST
        if len(body) > _BIG:
            return await to_thread.run_sync(parse, body)
        if self._unyielding > _BIG:
            # A guest that never stops talking must not keep the clock and other runs from their turn.
            self._unyielding = 0
            await anyio.lowlevel.checkpoint()
        return parse(body)

    async def _fill(self) -> None:
        while True:
            try:
                chunk = self._socket.recv(_CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
                self._unyielding = 0
                continue
            except OSError:
                chunk = b""
            if not chunk:
                raise ChannelClosed
            self._buffer += chunk
            return

    def close(self) -> None:
        """Close our end; the guest then ends by itself, if it still can."""
        self._socket.close()


class ChannelClosed(Exception):
    """The guest's end is closed: its process has ended, or wants us to think so."""


class FrameTooLarge(Exception):
    """The guest announced a frame over the limit (``size`` and ``limit`` in bytes)."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a frame of {size} bytes is over the limit of {limit}")
        self.size = size
        self.limit = limit


def dumps(value: Any) -> bytes:
    """Write JSON for a guest. Raises ``TypeError`` where ``value`` is not made of JSON values."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson stops at integers of 64 bits, and JSON and Python do not.
        return json.dumps(value, separators=(",", ":")).encode("utf-8")


def parse(body: bytes) -> dict[str, Any]:
    """Read one frame. Raises ``SandboxCrashed`` where it is not what our guest would send."""
    try:
        frame = (_CAREFUL if _HUGE.search(body) else _STRICT)(body.decode("utf-8"))
        if b"\\ud" in body or b"\\uD" in body:
            json.dumps(frame, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise SandboxCrashed(
            f"the sandbox sent something that is no frame: {error}",
            hint="the program wrote to the sandbox's own channel, or corrupted its memory",
        ) from error
    if not isinstance(frame, dict):
        raise SandboxCrashed(
            "the sandbox sent a frame that is no object",
            hint="the program wrote to the sandbox's own channel, or corrupted its memory",
        )
    return cast("dict[str, Any]", frame)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_STRICT = json.JSONDecoder(parse_constant=_no_constant).decode
_CAREFUL = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite).decode
"""A hook for each number is slow, so it is there only where a number may be too large."""
