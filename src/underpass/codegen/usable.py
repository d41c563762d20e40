"""Which tools a module can be made of, in any language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from underpass.catalog.definition import Finding, ToolDefinition
from underpass.codegen.header import definition_digest


def usable_tools(
    server: str, tools: Sequence[ToolDefinition]
) -> tuple[dict[str, ToolDefinition], tuple[Finding, ...]]:
    """Return the tools to make modules of by name, and why the others are left out."""
    usable: dict[str, ToolDefinition] = {}
    findings: list[Finding] = []
    for tool in tools:
        reason = _defect(tool)
        if reason is None and tool.name in usable:
            # Which of the two a call would reach, only the server knows: the choice must not depend
            # on the listing's order.
            usable[tool.name] = min(usable[tool.name], tool, key=definition_digest)
            reason = "another tool of the server has the same name"
        elif reason is None:
            usable[tool.name] = tool
        if reason is not None:
            findings.append(Finding(server, str(tool.name)[:200], "quarantined", reason))
    owned = {
        name: tool if tool.server == server else replace(tool, server=server) for name, tool in usable.items()
    }
    return owned, tuple(findings)


def _defect(tool: ToolDefinition) -> str | None:
    # Definitions come from others, so what the types promise is looked at here.
    if not _is_text(tool.name):
        return "its name is no string"
    try:
        tool.name.encode()
    except UnicodeEncodeError:
        return "its name is no valid Unicode, so no call can carry it"
    if not _is_schema(tool.input_schema):
        return "its input schema is neither an object nor a boolean"
    if tool.output_schema is not None and not _is_schema(tool.output_schema):
        return "its output schema is neither an object nor a boolean"
    if not _is_text(tool.description) or not _is_text(tool.title or ""):
        return "its description or title is no string"
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_schema(value: object) -> bool:
    return isinstance(value, Mapping | bool)
