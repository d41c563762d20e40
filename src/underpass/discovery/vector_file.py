"""Vectors in a file, under the digests of their texts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from underpass.discovery import digested_file
from underpass.errors import ConfigError

_FORMAT = b"underpass tool vectors 1\n"
KEY = 16
"""Bytes of a digest."""


def write(path: Path, model: str, vectors: Mapping[bytes, bytes]) -> None:
    """Write vectors of one length.

    Parameters:
        model: what made them.

    Raises:
        OSError
    """
    size = len(next(iter(vectors.values()), b""))
    header = orjson.dumps({"model": model, "byteorder": sys.byteorder, "size": size, "count": len(vectors)})
    body = b"".join((len(header).to_bytes(4, "little"), header, *vectors, *vectors.values()))
    digested_file.write(path, _FORMAT, body)


def read(path: Path, model: str) -> dict[bytes, bytes]:
    """Return the vectors that ``model`` made; none if there is no such file, or it cannot be used.

    They can be computed again, so nothing is wrong with that.
    """
    try:
        body = digested_file.read(path, _FORMAT)
    except ConfigError:
        return {}
    start = 4 + int.from_bytes(body[:4], "little")
    header: dict[str, Any] = orjson.loads(body[4:start])
    if (header["model"], header["byteorder"]) != (model, sys.byteorder):
        return {}
    count, size = header["count"], header["size"]
    keys = body[start : start + count * KEY]
    rows = body[start + count * KEY :]
    return {
        bytes(keys[place * KEY : (place + 1) * KEY]): bytes(rows[place * size : (place + 1) * size])
        for place in range(count)
    }
