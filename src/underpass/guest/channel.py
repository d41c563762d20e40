"""The guest's end of the channel to the host: JSON objects, each after its length.

A frame is four bytes of length, little endian, and that many bytes of UTF-8 JSON. Questions carry
an ``id``, and the answer the same one, so that many can be under way at once.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Callable, Mapping
from typing import Any

from underpass.guest.errors import raise_from_frame
from underpass.guest.frugal_json import dumps, loads

_SMALL = 1 << 13
_LARGE = 1 << 20
_CLOCK = b'{"op":"clock"'
"""What a frame begins with that says whether the program's time goes on."""
_HEARD = b'{"op":"heard"'


_running_loop: Callable[[], asyncio.AbstractEventLoop | None] = vars(asyncio)["_get_running_loop"]
"""As asyncio's own function, but None where there is none: an exception would cost more than the loop."""


class Closed(Exception):
    """The host has gone; nothing more can be said."""


class Channel:
    """Frames over one descriptor, for synchronous and asynchronous code."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._write = os.write
        self._buffer = bytearray()
        self._wanted = _SMALL
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader: asyncio.AbstractEventLoop | None = None
        self._filling = threading.Lock()
        self.on_clock: Callable[[float | None], object] = lambda _left: None
        """Called with the seconds that are left, when time goes on; with None when it stands."""

    def send(self, frame: Mapping[str, Any]) -> None:
        """Send one frame; waits while the host is slow."""
        self.send_text(dumps(frame))

    def send_text(self, text: str) -> None:
        """Send one frame that is JSON already."""
        body = text.encode("utf-8", "replace")
        rest = memoryview(len(body).to_bytes(4, "little") + body)
        while rest:
            try:
                rest = rest[self._write(self._descriptor, rest) :]
            except BlockingIOError:
                # The host may be waiting for us to read its answers before it reads more of us.
                readable, _, _ = select.select([self._descriptor], [self._descriptor], [])
                if readable:
                    self._fill()
                    self._settle_soon()

    def receive(self) -> dict[str, Any]:
        """Wait for one frame. Raises ``Closed``."""
        return loads(self.receive_text())

    def receive_text(self) -> str:
        """Wait for one frame, and return it as it came. Raises ``Closed``."""
        while (text := self._take()) is None:
            # To try and fail would cost an exception, and memory that is touched for the first time.
            self._poll.poll()
            self._fill()
        return text

    def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Ask, and wait without giving way to other tasks; for the importer."""
        number = frame["id"] = self._number()
        self.send(frame)
        while (answer := self.receive()).get("id") != number:
            self._settle(answer)
        return answer

    async def ask_async(self, frame: dict[str, Any]) -> Any:
        """Ask, and await the answer's value. Raises what the host answers."""
        loop = _running_loop()
        if loop is None:
            # Nothing else can be going on: see `straight`.
            return self._ask_on_the_spot(frame)
        number = frame["id"] = self._number()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting[number] = future
        self._read_in(loop)
        try:
            self.send(frame)
            return await future
        except asyncio.CancelledError:
            self.send({"op": "cancel", "id": number})
            raise
        finally:
            self._waiting.pop(number, None)

    def _ask_on_the_spot(self, frame: dict[str, Any]) -> Any:
        answer = self.ask(frame)
        if "error" in answer:
            raise_from_frame(answer["error"])
        return answer.get("value")

    def hear_of_time(self) -> bool:
        """Heed what was said of time and is not read yet, from within a signal handler.

        Returns whether that could be done; a read that was interrupted must go on first.
        """
        if not self._filling.acquire(blocking=False):
            return False
        try:
            before = -1
            while before < len(self._buffer):
                before = len(self._buffer)
                self._read_some()
        except Closed:
            pass
        finally:
            self._filling.release()
        buffer, start = self._buffer, 0
        while start + 4 <= len(buffer):
            end = start + 4 + int.from_bytes(buffer[start : start + 4], "little")
            if end <= len(buffer) and buffer.startswith(_CLOCK, start + 4):
                self.on_clock(loads(buffer[start + 4 : end].decode())["left"])
                buffer[start + 4 : start + 4 + len(_HEARD)] = _HEARD
            start = end
        return True

    def forget(self) -> None:
        """Be as new: what comes next is another conversation."""
        if self._reader is not None:
            self._reader.remove_reader(self._descriptor)
            self._reader = None
        self._next_id = 0
        self._buffer.clear()

    def is_quiet(self, milliseconds: int) -> bool:
        """Wait for something to read, and return whether there is nothing."""
        return not self._poll.poll(milliseconds)

    def rehearse(self, frames: bytes) -> None:
        """Have ``frames`` to read next, and send nothing until ``end_rehearsal``."""
        self._buffer += frames
        self._write = _write_nowhere

    def end_rehearsal(self) -> None:
        """Be as new: nothing was said."""
        self._write = os.write
        self._next_id = 0

    def _number(self) -> int:
        self._next_id += 1
        return self._next_id

    def _read_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let ``loop`` read the channel; code may start loops of its own with ``asyncio.run``."""
        if self._reader is loop:
            return
        if self._reader is not None and not self._reader.is_closed():
            self._reader.remove_reader(self._descriptor)
        self._reader = loop
        loop.add_reader(self._descriptor, self._readable)

    def _readable(self) -> None:
        try:
            self._fill()
            self._settle_all()
        except Closed as closed:
            for future in self._waiting.values():
                _resolve(future, None, closed)

    def _settle_soon(self) -> None:
        """Let the loop deal with what was read while we were sending."""
        if self._reader is not None and not self._reader.is_closed():
            self._reader.call_soon(self._settle_all)

    def _settle_all(self) -> None:
        while (text := self._take()) is not None:
            self._settle(loads(text))

    def _settle(self, frame: dict[str, Any]) -> None:
        """Give an answer to the task that waits for it; it may have stopped waiting."""
        if frame.get("op") == "clock":
            self.on_clock(frame["left"])
            return
        future = self._waiting.pop(frame.get("id", 0), None)
        if future is None:
            return
        error: BaseException | None = None
        if "error" in frame:
            try:
                raise_from_frame(frame["error"])
            except Exception as raised:
                error = raised
        _resolve(future, frame.get("value"), error)

    def _fill(self) -> None:
        with self._filling:
            self._read_some()

    def _read_some(self) -> None:
        try:
            chunk = os.read(self._descriptor, self._wanted)
        except BlockingIOError:
            return
        if not chunk:
            raise Closed
        self._buffer += chunk

    def _take(self) -> str | None:
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        end = 4 + int.from_bytes(buffer[:4], "little")
        if len(buffer) < end:
            # Small reads touch little memory; only a large frame is worth a large buffer.
            self._wanted = min(max(end - len(buffer), _SMALL), _LARGE)
            return None
        self._wanted = _SMALL
        text = buffer[4:end].decode()
        del buffer[:end]
        return text


def _write_nowhere(_descriptor: int, data: memoryview) -> int:
    return len(data)


def _resolve(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    loop = future.get_loop()
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        settle()
    elif not loop.is_closed():
        loop.call_soon_threadsafe(settle)
