"""Saves a listing from its malformed tools: each is repaired, or left out, and the reason is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import orjson

from underpass.catalog.definition import Finding, ToolDefinition
from underpass.catalog.schema_repair import NotASchema, is_schema, repair_input_schema

MAX_DEFINITION_BYTES = 1024 * 1024
"""A larger definition has its description cut, or is left out."""

_CUT_DESCRIPTION = 10_000
_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


class Tolerance:
    """Reads the tools of one server's listing, page by page."""

    def __init__(self, server: str) -> None:
        self.tools: list[ToolDefinition] = []
        self.findings: list[Finding] = []
        self._server = server
        self._names: set[str] = set()

    def read(self, entries: Sequence[object]) -> None:
        """Add the tools of one page."""
        for position, entry in enumerate(entries, start=len(self._names) + 1):
            self._read_one(entry, position)

    def note(self, tool: str, action: str, reason: str) -> None:
        """Record what was odd about a tool."""
        self.findings.append(Finding(self._server, tool, action, reason))

    def _read_one(self, entry: object, position: int) -> None:
        if not isinstance(entry, dict):
            self.note(f"#{position}", "quarantined", "it is no object")
            return
        tool = cast("dict[str, Any]", entry)
        name = tool.get("name")
        if not isinstance(name, str) or not name:
            reason = "it has no name" if name in (None, "") else "its name is no string"
            self.note(f"#{position}", "quarantined", reason)
            return
        if name in self._names:
            self.note(name, "quarantined", "another tool of the server has the same name")
            return
        faults: list[str] = []
        try:
            definition = ToolDefinition.from_json(self._server, _repaired(tool, name, faults))
        except NotASchema as error:
            self.note(name, "quarantined", str(error))
            return
        self._names.add(name)
        self.tools.append(definition)
        if faults:
            self.note(name, "repaired", "; ".join(faults))


def _repaired(tool: dict[str, Any], name: str, faults: list[str]) -> dict[str, Any]:
    good: dict[str, Any] = {"name": name}
    for key in ("description", "title"):
        _keep(tool, key, good, faults, lambda value: isinstance(value, str))
    for key in ("annotations", "_meta"):
        _keep(tool, key, good, faults, lambda value: isinstance(value, dict))
    good["inputSchema"] = repair_input_schema(tool.get("inputSchema"), faults)
    output = tool.get("outputSchema")
    if is_schema(output):
        good["outputSchema"] = output
    elif output is not None:
        faults.append("its output schema is invalid and is left out")
    if "annotations" in good:
        good["annotations"] = _annotations(good["annotations"], faults)
    if "icons" in tool and not isinstance(tool["icons"], (list, type(None))):
        faults.append("its icons are no list")
    return _bounded(good, faults)


def _keep(
    tool: dict[str, Any],
    key: str,
    good: dict[str, Any],
    faults: list[str],
    fits: Callable[[object], bool],
) -> None:
    value = tool.get(key)
    if value is None:
        return
    if fits(value):
        good[key] = value
    else:
        faults.append(f"its {key} is of the wrong type and is left out")


def _annotations(annotations: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    wrong = {key for key in _HINTS if not isinstance(annotations.get(key, True), bool)}
    if not isinstance(annotations.get("title", ""), str):
        wrong.add("title")
    faults.extend(f"its annotation {key} is of the wrong type and is left out" for key in sorted(wrong))
    return {key: value for key, value in annotations.items() if key not in wrong}


def _bounded(tool: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    size = _size(tool)
    if size <= MAX_DEFINITION_BYTES:
        return tool
    description = tool.get("description", "")
    if len(description) > _CUT_DESCRIPTION:
        faults.append(f"its description of {len(description):,} characters is cut")
        tool["description"] = description[:_CUT_DESCRIPTION] + "…"
        size = _size(tool)
    if size > MAX_DEFINITION_BYTES:
        raise NotASchema(f"its definition is too large: {size:,} bytes")
    return tool


def _size(tool: dict[str, Any]) -> int:
    try:
        return len(orjson.dumps(tool))
    except orjson.JSONEncodeError as error:
        raise NotASchema(f"its definition cannot be written as JSON: {error}") from error
