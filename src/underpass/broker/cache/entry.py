"""What is kept of one call or one run."""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal, NamedTuple

import orjson

Kind = Literal["call", "run"]

_MAGIC: Final = b"underpass cache 1\n"
_DIGEST: Final = 64


class Entry(NamedTuple):
    """A result, and what it is good for."""

    kind: Kind
    about: str
    """The tool, or the agent whose run it was."""
    stored: float
    """As ``now`` counts."""
    until: float
    epochs: tuple[tuple[int, int], ...]
    """The places of the servers that it rests on, with the epoch in which it was read from each."""
    content: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        return len(self.content) + _OVERHEAD


_OVERHEAD: Final = 600


def dump(key: str, entry: Entry) -> bytes:
    """Write an entry so that a part of it, or another's, is not taken for it."""
    head = orjson.dumps([entry.kind, entry.about, entry.stored, entry.until, entry.epochs])
    body = head + b"\n" + entry.content
    return _MAGIC + _check(key, body) + b"\n" + body


def load(key: str, written: bytes) -> Entry | None:
    """Read an entry; None where these are not the bytes that were written."""
    start = len(_MAGIC) + _DIGEST + 1
    body = written[start:]
    if written[:start] != _MAGIC + _check(key, body) + b"\n":
        return None
    head, _, content = body.partition(b"\n")
    kind, about, stored, until, epochs = load_head(head)
    return Entry(kind, about, stored, until, tuple((place, epoch) for place, epoch in epochs), content)


def load_head(head: bytes) -> Any:
    """Return kind, what it is about, both times, and the epochs."""
    return orjson.loads(head)


def _check(key: str, body: bytes) -> bytes:
    digest = hashlib.sha256(key.encode("ascii"))
    digest.update(body)
    return digest.hexdigest().encode("ascii")
