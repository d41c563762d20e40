"""One row of the trail: a line of JSON that ends with a hash over itself and the row before."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
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


def line_of(row: Row, previous: str, seal: Seal) -> tuple[bytes, str]:
    """Return the line of a row, and its hash.

    The hash is that of ``previous``, in hexadecimal, and the line up to the comma before ``"hash"``.
    """
    body = orjson.dumps(row, option=orjson.OPT_UTC_Z)[:-1]
    digest = seal(previous.encode() + body)
    return b"".join((body, _GLUE, digest.encode(), _END, b"\n")), digest


def parts_of(line: bytes) -> tuple[bytes, str] | None:
    """Return what of a line is hashed, and the hash that it has; None where it is no row."""
    tail = line[-_TAIL:]
    digest = tail[len(_GLUE) : -len(_END)]
    if not (
        tail.startswith(_GLUE) and tail.endswith(_END) and len(tail) == _TAIL and _HEX.issuperset(digest)
    ):
        return None
    return line[:-_TAIL], digest.decode()


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
