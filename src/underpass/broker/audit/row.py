"""One row of the trail: a line of JSON that ends with a hash over itself and the row before."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import orjson

GENESIS: Final = "0" * 64
"""What stands for the hash before the first row."""
FORMAT: Final = 1
_GLUE: Final = b',"hash":"'
_END: Final = b'"}'
_HASH: Final = 64
_TAIL: Final = len(_GLUE) + _HASH + len(_END)
_HEX: Final = frozenset(b"0123456789abcdef")

Row = dict[str, Any]
Seal = Callable[[bytes], str]
"""The hash of bytes, in hexadecimal."""


def sealer(key: bytes) -> Seal:
    """Return what hashes rows: SHA-256, or HMAC-SHA-256 where there is a key."""
    if not key:
        return lambda data: hashlib.sha256(data).hexdigest()
    return lambda data: hmac.digest(key, data, "sha256").hex()


def key_name(key: bytes) -> str:
    """Return what tells a key from others, and does not give it away; empty for none."""
    return sealer(key)(b"underpass audit")[:16] if key else ""


def content_of(kind: str, facts: Mapping[str, Any]) -> bytes:
    """Return what a row says, as it is handed to a chain: the inside of a JSON object, without ``n``."""
    return b'"at":"%b","kind":"%b",%b' % (now(), kind.encode(), inside(facts))


def inside(facts: Mapping[str, Any]) -> bytes:
    """Return the inside of a JSON object."""
    return orjson.dumps(facts)[1:-1]


def now() -> bytes:
    """Return the time as rows have it: in UTC, with microseconds."""
    return orjson.dumps(datetime.now(UTC), option=orjson.OPT_UTC_Z)[1:-1]


def line_of(number: int, content: bytes, previous: str, seal: Seal) -> tuple[bytes, str]:
    """Return the line of a row, and its hash.

    The hash is that of ``previous``, in hexadecimal, and the line up to the comma before ``"hash"``.
    """
    body = b'{"n":%d,%b' % (number, content)
    digest = seal(previous.encode() + body)
    return b'%b,"hash":"%b"}\n' % (body, digest.encode()), digest


def parts_of(line: bytes) -> tuple[bytes, str] | None:
    """Return what of a line is hashed, and the hash that it has; None where it is no row."""
    tail = line[-_TAIL:]
    digest = tail[len(_GLUE) : -len(_END)]
    if not (
        tail.startswith(_GLUE) and tail.endswith(_END) and len(tail) == _TAIL and _HEX.issuperset(digest)
    ):
        return None
    return line[:-_TAIL], digest.decode()


def content_in(line: bytes) -> bytes | None:
    """Return what a row says, as it was handed to the chain; None where the line is no row."""
    parts = parts_of(line)
    return None if parts is None else parts[0].partition(b",")[2]


def read_content(content: bytes) -> Row | None:
    """Return what is to be handed to a chain as a row without number and hash; None where it is no such."""
    try:
        return cast("Row", orjson.loads(b"{%b}" % content)) if content else None
    except orjson.JSONDecodeError:
        return None


def read_row(line: bytes) -> Row | None:
    """Return a row from its line, its hash included; None where it is none."""
    try:
        content: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(content, dict) or parts_of(line) is None:
        return None
    row = cast("Row", content)
    return row if isinstance(row.get("n"), int) and isinstance(row.get("hash"), str) else None
