"""What a server said on its way: the end of it, in bounded memory."""

from __future__ import annotations

from collections import deque

KEPT_BYTES = 64 * 1024


class Tail:
    """Keeps the last ``KEPT_BYTES`` of all that is written to it."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Add ``chunk``, and forget as much from the start."""
        chunk = chunk[-KEPT_BYTES:]
        self._chunks.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._chunks[0]) >= KEPT_BYTES:
            self._size -= len(self._chunks.popleft())

    def text(self, limit: int = KEPT_BYTES) -> str:
        """The last ``limit`` bytes as text."""
        return b"".join(self._chunks)[-limit:].decode("utf-8", errors="replace").strip()
