"""What a server said on its way: the end of it, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

KEPT_BYTES = 64 * 1024


class Tail:
    """Keeps the last ``KEPT_BYTES`` of all that is written to it."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._cut = False
        self.redact: Callable[[str], str] = str
        """Takes secrets out of the text; a server prints what it likes."""
        self.mask: Callable[[str], str] = str
        """Takes personal data out of it."""
        self.margin = 0
        """Characters of the longest secret: where the text is cut, that much is left out."""

    def write(self, chunk: bytes) -> None:
        """Add ``chunk``, and forget as much from the start."""
        self._cut = self._cut or len(chunk) > KEPT_BYTES
        chunk = chunk[-KEPT_BYTES:]
        self._chunks.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._chunks[0]) >= KEPT_BYTES:
            self._size -= len(self._chunks.popleft())
            self._cut = True

    def text(self, limit: int = KEPT_BYTES) -> str:
        """The last ``limit`` bytes as text."""
        data = b"".join(self._chunks)
        cut = self._cut or len(data) > KEPT_BYTES
        text = self.mask(self.redact(data[-KEPT_BYTES:].decode("utf-8", errors="replace")))
        # Redacted as a whole first: half a secret would not be recognised.
        text = text[self.margin :] if cut else text
        return text.encode()[-limit:].decode("utf-8", errors="replace").strip()
