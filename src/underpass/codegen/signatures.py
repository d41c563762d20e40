"""How a tool is called, in one line."""

from __future__ import annotations

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.calls import CALLS, Calls, Language
from underpass.codegen.interface import ToolInterface, tool_interface
from underpass.codegen.ir import Field
from underpass.codegen.observed import ObservedShape
from underpass.codegen.shape import shape

LONGEST = 600
"""Characters of the longest signature that is not asked for explicitly."""


def signature(
    tool: ToolDefinition,
    language: Language = "python",
    *,
    name: str | None = None,
    observed: ObservedShape | None = None,
    longest: int = LONGEST,
) -> str:
    """Return how the tool is called, in one line.

    In Python ``git_log(*, repo_path: str, max_count: int = 10) -> str``, in TypeScript
    ``gitLog({ repo_path: string, max_count?: number = 10 }): Promise<string>``.

    Parameters:
        tool: the tool's definition.
        language: the language of the line.
        name: the function's name where it differs from the tool's own identifier.
        observed: what earlier results looked like, for a tool that declares none; marked as such.
        longest: characters; above it, types are shortened and then the last optional parameters left out.
    """
    calls = CALLS[language]
    function = name or calls.path(tool).partition(".")[2]
    return interface_signature(tool_interface(tool, observed), calls, function, longest)


def interface_signature(interface: ToolInterface, calls: Calls, function: str, longest: int) -> str:
    """Return the signature of a ``function`` with this interface; see ``signature``."""
    names = calls.names(interface)
    for limit in (160, 80, 30):
        parts = [_parameter(calls, interface, field, names, limit) for field in interface.parameters]
        line = _signature(calls, function, parts, interface)
        if len(line) <= longest:
            return line
    required = sum(field.required for field in interface.parameters)
    # What a call cannot do without stays, up to the utmost.
    while parts and len(line) > (longest if len(parts) > required else LONGEST):
        fewer = len(parts) * 3 // 4
        parts = parts[: max(fewer, required) if len(parts) > required else fewer]
        line = _signature(calls, function, [*parts, "…"], interface)
    return line


def _signature(calls: Calls, function: str, parts: list[str], interface: ToolInterface) -> str:
    extra = (
        ""
        if interface.extra is None
        else shape(interface.arguments, interface.extra, calls.notation, limit=60)
    )
    returns = shape(interface.result, interface.returns, calls.notation, limit=160)
    return calls.signature(function, parts, extra, returns, interface.observed)


def _parameter(
    calls: Calls, interface: ToolInterface, field: Field, names: dict[str, str], limit: int
) -> str:
    annotation = shape(interface.arguments, field.type, calls.notation, depth=2, limit=limit)
    return calls.parameter(names[field.name], annotation, field)
