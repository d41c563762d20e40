"""An index in a file: a line that names the format, a digest, a header in JSON, and two blocks of bytes.

Nothing in the file is code, and nothing of it is believed before its digest has been compared. Only the
header is parsed when a file is opened: postings and definitions are read when a search needs them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import orjson

from underpass.catalog.definition import ToolDefinition
from underpass.discovery.postings import Packed
from underpass.errors import ConfigError

FORMAT = b"underpass tool index 1\n"
"""Raise the number with any change of the file, of the terms or of their weights."""

_DIGEST = 32
_WORD = 4  # bytes of a tool's number in a posting


@dataclass(frozen=True, slots=True)
class Entry:
    """What an index knows of one tool without its definition."""

    server: str
    name: str
    category: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What a file holds."""

    entries: Sequence[Entry]
    definitions: memoryview
    """All of them, one after the other."""
    bounds: Sequence[int]
    """Where each begins, and the last ends."""
    postings: Packed

    def definition(self, number: int) -> memoryview:
        """The text of one definition."""
        return self.definitions[self.bounds[number] : self.bounds[number + 1]]


def write(
    path: Path,
    entries: Sequence[Entry],
    definitions: Sequence[bytes],
    postings: Sequence[tuple[str, bytes, bytes]],
) -> None:
    """Write a file in one step: a reader sees the old one or the new one.

    Raises:
        OSError
    """
    # Many tools share these: few objects are made when a file is read.
    facts: dict[tuple[str, str, tuple[str, ...]], int] = {}
    for entry in entries:
        facts.setdefault((entry.server, entry.category, entry.capabilities), len(facts))
    header = orjson.dumps(
        {
            "byteorder": sys.byteorder,
            "facts": list(facts),
            "kinds": [facts[entry.server, entry.category, entry.capabilities] for entry in entries],
            "names": [entry.name for entry in entries],
            "definitions": [len(definition) for definition in definitions],
            "terms": [term for term, _, _ in postings],
            "counts": [len(impacts) for _, _, impacts in postings],
        }
    )
    body = b"".join(
        (
            len(header).to_bytes(8, "little"),
            header,
            *(numbers for _, numbers, _ in postings),
            *(impacts for _, _, impacts in postings),
            *definitions,
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(FORMAT + blake2b(body, digest_size=_DIGEST).digest() + body)
            file.close()
            os.replace(file.name, path)  # noqa: PTH105 - the name is a string
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise


def read(path: Path) -> Stored:
    """Read what ``write`` has written.

    Raises:
        ConfigError: there is no such file, or it is not one of these, of this version and whole.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    if not content.startswith(FORMAT):
        raise _unusable(path, "is no tool index of this version")
    view = memoryview(content)
    start = len(FORMAT) + _DIGEST
    body = view[start:]
    if blake2b(body, digest_size=_DIGEST).digest() != bytes(view[len(FORMAT) : start]):
        raise _unusable(path, "is damaged")
    size = int.from_bytes(body[:8], "little")
    header: dict[str, Any] = orjson.loads(body[8 : 8 + size])
    if header["byteorder"] != sys.byteorder:
        raise _unusable(path, "was written by another kind of machine")
    return _unpack(header, body[8 + size :])


def _unpack(header: Mapping[str, Any], blocks: memoryview) -> Stored:
    counts: list[int] = header["counts"]
    ends = list(accumulate(counts, initial=0))
    total = ends[-1]
    numbers = blocks[: total * _WORD].cast("I")
    impacts = blocks[total * _WORD : total * (_WORD + 1)]
    terms: list[str] = header["terms"]
    places = dict(zip(terms, range(len(terms)), strict=True))
    texts = blocks[total * (_WORD + 1) :]
    bounds = list(accumulate(header["definitions"], initial=0))
    kinds: list[int] = header["kinds"]
    given: list[tuple[str, str, list[str]]] = header["facts"]
    facts = [(server, category, tuple(found)) for server, category, found in given]
    entries = [
        Entry(facts[kind][0], name, facts[kind][1], facts[kind][2])
        for kind, name in zip(kinds, header["names"], strict=True)
    ]
    return Stored(entries, texts, bounds, Packed(places, ends, numbers, impacts))


def to_bytes(tool: ToolDefinition) -> bytes:
    """Return a definition as JSON."""
    return orjson.dumps(
        {
            "name": tool.name,
            "description": tool.description,
            "title": tool.title,
            "inputSchema": tool.input_schema,
            "outputSchema": tool.output_schema,
            "annotations": tool.annotations,
            "_meta": tool.meta,
        },
        default=dict,
        option=orjson.OPT_NON_STR_KEYS,
    )


def from_bytes(server: str, text: memoryview) -> ToolDefinition:
    """Read what ``to_bytes`` has made."""
    return ToolDefinition.from_json(server, orjson.loads(text))


def _unusable(path: Path, reason: str) -> ConfigError:
    return ConfigError(f"{path} {reason}", hint="build the index again and save it", path=str(path))
