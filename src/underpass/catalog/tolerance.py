"""Saves a listing from its malformed tools: each is repaired, or left out, and the reason is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import orjson

from underpass.catalog.definition import Finding, ToolDefinition
from underpass.catalog.hidden import Revealer, hidden_in, may_hide, without_hidden
from underpass.catalog.schema_repair import NotASchema, is_schema, repair_input_schema

MAX_DEFINITION_BYTES = 1024 * 1024
"""A larger definition has its description cut, or is left out."""
MAX_LISTING_BYTES = 32 * 1024 * 1024
"""Bytes of all definitions of one server; what comes after them is left out."""
MAX_TOOLS = 10_000
"""Tools of one server; what comes after them is left out."""
MAX_NAME = 256
"""Characters of a tool's name; the protocol asks for 128 at most."""
MAX_FINDINGS = 500
"""Findings of one listing; more are not kept."""

_SHOWN_FAULTS = 5
_SHOWN_FAULT = 100
_CUT_DESCRIPTION = 10_000
_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


class Tolerance:
    """Reads the tools of one server's listing, page by page."""

    def __init__(self, server: str) -> None:
        self.tools: list[ToolDefinition] = []
        self.findings: list[Finding] = []
        self._server = server
        self._names: set[str] = set()
        self._bytes = 0
        self.full = False
        """Whether a limit was reached: no further page needs to be asked for."""

    def read(self, entries: Sequence[object]) -> None:
        """Add the tools of one page."""
        for position, entry in enumerate(entries, start=len(self._names) + 1):
            if self.full:
                return
            self._read_one(entry, position)

    def note(self, tool: str, action: str, reason: str) -> None:
        """Record what was odd about a tool."""
        if len(self.findings) < MAX_FINDINGS:
            # A server chose the name, and parts of the reason.
            name, why = _shown(tool), without_hidden(reason)
            self.findings.append(Finding(self._server, name, action, why))
        elif len(self.findings) == MAX_FINDINGS:
            self.findings.append(
                Finding(
                    self._server,
                    "tools/list",
                    "repaired",
                    f"more than {MAX_FINDINGS} findings: the rest is not kept",
                )
            )

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
        if len(name) > MAX_NAME:
            self.note(name, "quarantined", f"its name has {len(name):,} characters")
            return
        if hidden := hidden_in(name):
            # Without them it would be another name: the server knows no such tool.
            codes = ", ".join(f"U+{ord(letter):04X}" for letter in dict.fromkeys(hidden[:_SHOWN_FAULTS]))
            self.note(name, "quarantined", f"its name has hidden characters ({codes})")
            return
        if name in self._names:
            self.note(name, "quarantined", "another tool of the server has the same name")
            return
        faults: list[str] = []
        try:
            repaired, size = _repaired(tool, name, faults)
        except NotASchema as error:
            self.note(name, "quarantined", str(error))
            return
        except RecursionError:
            self.note(name, "quarantined", "its definition is nested too deeply")
            return
        if limit := self._limit(size):
            self.full = True
            self.note("tools/list", "quarantined", f"the listing is cut after {limit}")
            return
        self._names.add(name)
        self._bytes += size
        self.tools.append(ToolDefinition.from_json(self._server, repaired))
        if faults:
            self.note(name, "repaired", _summary(faults))

    def _limit(self, size: int) -> str | None:
        if len(self.tools) >= MAX_TOOLS:
            return f"{MAX_TOOLS:,} tools"
        if self._bytes + size > MAX_LISTING_BYTES:
            return f"{len(self.tools):,} tools: they take more than {MAX_LISTING_BYTES:,} bytes"
        return None


def _summary(faults: Sequence[str]) -> str:
    shown = [
        fault if len(fault) <= 2 * _SHOWN_FAULT else f"{fault[:_SHOWN_FAULT]}…{fault[-_SHOWN_FAULT:]}"
        for fault in faults
    ]
    more = len(shown) - _SHOWN_FAULTS
    return "; ".join(shown[:_SHOWN_FAULTS]) + (f"; and {more:,} more" if more > 0 else "")


def _shown(name: str) -> str:
    visible = without_hidden(name[: 2 * MAX_NAME])
    return visible if len(visible) <= 80 else f"{visible[:79]}…"


def _repaired(tool: dict[str, Any], name: str, faults: list[str]) -> tuple[dict[str, Any], int]:
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
    return _bounded(_revealed(good, faults), faults)


def _revealed(tool: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    """Take out the hidden characters: a person who reads a definition must see what a model reads."""
    try:
        written = orjson.dumps(tool).decode()
    except orjson.JSONEncodeError:  # a lone surrogate is hidden, too; for the rest `_bounded` refuses it
        pass
    else:
        if not may_hide(written):
            return tool
    revealer = Revealer()
    for key in ("description", "title"):
        if key in tool:
            tool[key] = revealer.text(tool[key], f"its {key}")
    tool["inputSchema"] = revealer.schema(tool["inputSchema"], "its input schema")
    if "outputSchema" in tool:
        try:
            tool["outputSchema"] = revealer.schema(tool["outputSchema"], "its output schema")
        except NotASchema:
            del tool["outputSchema"]
    for key in ("annotations", "_meta"):
        if key in tool:
            tool[key] = revealer.value(tool[key], f"its {key}")
    faults += revealer.faults
    return tool


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


def _bounded(tool: dict[str, Any], faults: list[str]) -> tuple[dict[str, Any], int]:
    size = _size(tool)
    if size <= MAX_DEFINITION_BYTES:
        return tool, size
    description = tool.get("description", "")
    if len(description) > _CUT_DESCRIPTION:
        faults.append(f"its description of {len(description):,} characters is cut")
        tool["description"] = description[:_CUT_DESCRIPTION] + "…"
        size = _size(tool)
    if size > MAX_DEFINITION_BYTES:
        raise NotASchema(f"its definition is too large: {size:,} bytes")
    return tool, size


def _size(tool: dict[str, Any]) -> int:
    try:
        return len(orjson.dumps(tool))
    except orjson.JSONEncodeError as error:
        raise NotASchema(f"its definition cannot be written as JSON: {error}") from error
