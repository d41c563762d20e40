"""JSON values as bytes: named, versioned, checksummed. Reading them runs no code of theirs."""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Any

import orjson

from terraphim.errors import IndexInvalid

_MAGIC = b"TKG1"
_DIGEST_SIZE = 16
_HEADER_SIZE = len(_MAGIC) + 1 + _DIGEST_SIZE
_KIND_SIZE = 64
_PLAIN, _COMPRESSED = 0, 1

# What a few kilobytes of hostile input may unfold to.
MAX_CONTENT_BYTES = 512 * 1024 * 1024


def seal(kind: str, version: int, value: Any, *, compress: bool) -> bytes:
    """A JSON value as bytes.

    Parameters:
        kind: what it is, up to 64 ASCII characters.
        version: of its layout.
        compress: for a value that travels; one that is only kept is faster to open without.
    """
    content = f"{kind}/{version}".encode().ljust(_KIND_SIZE) + orjson.dumps(value)
    digest = blake2b(content, digest_size=_DIGEST_SIZE).digest()
    form = _COMPRESSED if compress else _PLAIN
    return _MAGIC + bytes([form]) + digest + (zlib.compress(content, 6) if compress else content)


def unseal(kind: str, version: int, data: bytes) -> Any:
    """The value that was sealed as this kind and version. Raises IndexInvalid for anything else."""
    if len(data) < _HEADER_SIZE or not data.startswith(_MAGIC) or data[len(_MAGIC)] > _COMPRESSED:
        raise IndexInvalid("These bytes are no index of this library.", hint="Build the index again.")
    digest = data[len(_MAGIC) + 1 : _HEADER_SIZE]
    content = data[_HEADER_SIZE:]
    if data[len(_MAGIC)] == _COMPRESSED:
        content = _decompressed(content)
    if blake2b(content, digest_size=_DIGEST_SIZE).digest() != digest:
        raise IndexInvalid("The index is damaged: its checksum differs.", hint="Build the index again.")
    found, wanted = content[:_KIND_SIZE].rstrip().decode("ascii", "replace"), f"{kind}/{version}"
    if found != wanted:
        raise IndexInvalid(
            f"The bytes are {found!r}, and {wanted!r} is wanted.", hint="Build the index again.", found=found
        )
    try:
        return orjson.loads(content[_KIND_SIZE:])
    except orjson.JSONDecodeError as error:
        raise malformed(kind) from error


def malformed(kind: str) -> IndexInvalid:
    """The error for a value whose layout is not what its kind and version say."""
    return IndexInvalid(f"The {kind} is not laid out as its version says.", hint="Build the index again.")


def _decompressed(data: bytes) -> bytes:
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(data, MAX_CONTENT_BYTES)
    except zlib.error as error:
        raise IndexInvalid(f"The index is damaged: {error}.", hint="Build the index again.") from error
    if not reader.eof:
        raise IndexInvalid(
            f"The index is cut short, or unfolds to more than {MAX_CONTENT_BYTES:,} bytes.",
            hint="Build the index again.",
        )
    return content
