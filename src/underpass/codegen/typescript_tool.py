"""The TypeScript module of one tool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.header import TYPESCRIPT_HEADER, definition_digest, label
from underpass.codegen.interface import PARSED_TEXT, ToolInterface, tool_interface
from underpass.codegen.ir import ANY, Map, Nothing, Object
from underpass.codegen.names import function_identifier
from underpass.codegen.observed import ObservedShape
from underpass.codegen.shape import TYPESCRIPT, shape
from underpass.codegen.template_files import render
from underpass.codegen.text import clean, clean_line
from underpass.codegen.typescript_literals import comment, string
from underpass.codegen.typescript_types import TypeDefinition, TypeScriptTypes

_LONGEST_DESCRIPTION = 8_000


@dataclass(frozen=True, slots=True)
class TypeScriptTool:
    """One tool as a template sees it.

    ``parameters`` and ``result`` are the names of two of the ``types``; ``comment`` is the function's
    whole documentation comment.
    """

    definition: ToolDefinition
    interface: ToolInterface
    function: str
    parameters: str
    result: str
    types: tuple[TypeDefinition, ...]
    comment: str

    @property
    def optional(self) -> bool:
        """Whether the function can be called without arguments."""
        return not any(field.required for field in self.interface.parameters)

    @property
    def server_literal(self) -> str:
        """The server's name, as a string literal."""
        return string(self.definition.server)

    @property
    def tool_literal(self) -> str:
        """The tool's real name, as a string literal."""
        return string(self.definition.name)

    @property
    def server_label(self) -> str:
        """The server's name, as a comment may show it."""
        return label(self.definition.server)

    @property
    def tool_label(self) -> str:
        """The tool's real name, as a comment may show it."""
        return label(self.definition.name)

    @property
    def digest(self) -> str:
        """The digest of the definition."""
        return definition_digest(self.definition)


def render_tool(
    tool: ToolDefinition,
    function: str | None = None,
    *,
    templates: Path | None = None,
    observed: ObservedShape | None = None,
) -> str:
    """Return the module of one tool: its interfaces and one async function.

    Parameters:
        tool: the definition; its ``server`` and ``name`` are what the generated call sends.
        function: the function's name; by default the tool's own identifier.
        templates: a directory whose ``tool.ts.jinja`` replaces the packaged one.
        observed: what earlier results looked like, for a tool that declares none.

    Raises ``GenerationFailed`` when a template of the user's is faulty.
    """
    function = function or function_identifier(tool.name)
    types = TypeScriptTypes(reserved_names(function))
    context = {"header": TYPESCRIPT_HEADER, "tool": describe_tool(tool, function, types, observed)}
    return render("typescript", "tool.ts.jinja", templates, context)


def reserved_names(*functions: str) -> frozenset[str]:
    """Return the names that the modules of these functions export."""
    types = (name for function in functions for name in (*type_names(function), _observed_name(function)))
    return frozenset((*functions, *types))


def type_names(function: str) -> tuple[str, str]:
    """Return the names of a function's types: ``SearchParameters`` and ``SearchResult``."""
    prefix = _prefix(function)
    return f"{prefix}Parameters", f"{prefix}Result"


def describe_tool(
    tool: ToolDefinition, function: str, types: TypeScriptTypes, observed: ObservedShape | None
) -> TypeScriptTool:
    """Return what a template needs to write one tool; the names of its types are taken from ``types``."""
    interface = tool_interface(tool, observed)
    parameters, result = type_names(function)
    _parameters(interface, parameters, types, function)
    if interface.observed:
        # No result can contradict any; what was seen is for readers, and for those who ask for the type.
        types.add(TypeDefinition(result, alias="any"))
        seen = types.scope(interface.result, _prefix(function), output=True)
        seen.define(_observed_name(function), interface.returns)
    else:
        # The code after a call that returns never would be unreachable.
        returns = ANY if isinstance(interface.returns, Nothing) else interface.returns
        types.scope(interface.result, _prefix(function), output=True).define(result, returns)
    return TypeScriptTool(
        definition=tool,
        interface=interface,
        function=function,
        parameters=parameters,
        result=result,
        types=tuple(types.definitions()),
        comment=_comment(tool, interface),
    )


def _observed_name(function: str) -> str:
    return f"{_prefix(function)}Observed"


def _prefix(function: str) -> str:
    return function[0].upper() + function[1:]


def _parameters(interface: ToolInterface, name: str, types: TypeScriptTypes, function: str) -> None:
    fields, extra = interface.parameters, interface.extra
    node = Object(fields, extra, closed=extra is None) if fields or extra is None else Map(extra)
    types.scope(interface.arguments, _prefix(function), output=False).define(name, node)


def _comment(tool: ToolDefinition, interface: ToolInterface) -> str:
    parts = [clean(tool.description or tool.title or "", _LONGEST_DESCRIPTION) or "No description."]
    if interface.notes:
        parts.append("\n".join(["Notes:", *(f"- {clean_line(note, 200)}" for note in interface.notes)]))
    if interface.returns_text:
        parts.append(f"Returns {PARSED_TEXT}.")
    elif interface.observed:
        returns = shape(interface.result, interface.returns, TYPESCRIPT, limit=150)
        parts.append(f"Returns {returns} ({interface.observed}, not declared).")
    return comment("\n\n".join(parts))
