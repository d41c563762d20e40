"""What the program prints, sent to the host in pieces."""

from __future__ import annotations

import io
import time

from underpass.guest.channel import Channel

_PIECE = 16_384
"""Characters kept back before they are sent: a frame for each ``print`` would cost 20 µs."""
_PERIOD = 0.05
"""Seconds after which kept-back output is sent with the next write: a crash loses little."""


class Output(io.TextIOBase):
    """A text stream like ``sys.stdout`` whose other end is the host."""

    def __init__(self, channel: Channel, stream: str) -> None:
        super().__init__()
        self._channel = channel
        self._stream = stream
        self._kept: list[str] = []
        self._size = 0
        self._sent_at = 0.0

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._kept.append(text)
        self._size += len(text)
        if self._size >= _PIECE or time.monotonic() - self._sent_at > _PERIOD:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if not self._kept:
            return
        text, self._kept, self._size = "".join(self._kept), [], 0
        self._sent_at = time.monotonic()
        for start in range(0, len(text), _PIECE):
            self._channel.send({"op": "out", "stream": self._stream, "text": text[start : start + _PIECE]})
