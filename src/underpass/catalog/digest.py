"""The digest of a tool's definition: what a server says of a tool, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import orjson

from underpass.catalog.definition import ToolDefinition


def definition(tool: ToolDefinition) -> dict[str, Any]:
    """Return what the digest covers, with the keys of a ``tools/list`` entry.

    ``_meta`` is left out: servers put changing facts there, and none of it reaches a model.
    """
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": tool.annotations,
    }


def tool_digest(tool: ToolDefinition) -> str:
    """Return the SHA-256 of the definition's canonical JSON, in hexadecimal."""
    try:
        canonical = orjson.dumps(definition(tool), option=orjson.OPT_SORT_KEYS)
    except TypeError:  # too deep, lone surrogates, integers of more than 64 bits
        return _hash(_tokens(definition(tool)))
    return hashlib.sha256(canonical).hexdigest()


def _hash(tokens: Iterator[str]) -> str:
    hasher = hashlib.sha256()
    for token in tokens:
        hasher.update(token.encode("utf-8", "surrogatepass"))
        hasher.update(b"\0")
    return hasher.hexdigest()


def _tokens(value: object) -> Iterator[str]:
    """Yield an unambiguous description of a value of any depth."""
    pending: list[object] = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            members = sorted(cast("Mapping[Any, object]", value).items(), key=lambda member: str(member[0]))
            yield f"object {len(members)}"
            for key, member in members:
                pending += (member, str(key))
        elif isinstance(value, list | tuple):
            entries = cast("list[object]", value)
            yield f"array {len(entries)}"
            pending.extend(entries)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield f"int {value:x}"
        else:
            yield f"{type(value).__name__} {value}"
