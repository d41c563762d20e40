"""An index in a file: a line that names the format, a digest, a header in JSON, and two blocks of bytes.

Nothing in the file is code, and nothing of it is believed before its digest has been compared. Only the
header is parsed when a file is opened: postings and definitions are read when a search needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson

from underpass.catalog.definition import ToolDefinition
from underpass.discovery import digested_file
from underpass.discovery.postings import Packed
from underpass.discovery.vector_file import KEY

FORMAT = b"underpass tool index 2\n"
"""Raise the number with any change of the file, of the terms or of their weights."""

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
    keys: Sequence[bytes]
    """The digest of each tool's text, if they were known when the file was written."""

    def definition(self, number: int) -> memoryview:
        """The text of one definition."""
        return self.definitions[self.bounds[number] : self.bounds[number + 1]]


def write(
    path: Path,
    entries: Sequence[Entry],
    definitions: Sequence[bytes],
    postings: Sequence[tuple[str, bytes, bytes]],
    keys: Sequence[bytes] = (),
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
            "keys": b"".join(keys).hex(),
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
    digested_file.write(path, FORMAT, body)


def read(path: Path) -> Stored:
    """Read what ``write`` has written.

    Raises:
        ConfigError: there is no such file, or it is not one of these, of this version and whole.
    """
    body = digested_file.read(path, FORMAT)
    size = int.from_bytes(body[:8], "little")
    header: dict[str, Any] = orjson.loads(body[8 : 8 + size])
    if header["byteorder"] != sys.byteorder:
        raise digested_file.unusable(path, "was written by another kind of machine")
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
    text = bytes.fromhex(header["keys"])
    keys = [text[start : start + KEY] for start in range(0, len(text), KEY)]
    return Stored(entries, texts, bounds, Packed(places, ends, numbers, impacts), keys)


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
