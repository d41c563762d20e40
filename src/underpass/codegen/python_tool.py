"""The Python module of one tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from underpass.catalog.definition import ToolDefinition
from underpass.codegen import python_literals
from underpass.codegen.header import PYTHON_HEADER, definition_digest, label
from underpass.codegen.interface import PARSED_TEXT, tool_interface
from underpass.codegen.ir import Anything, Nothing
from underpass.codegen.names import identifiers, tool_identifier
from underpass.codegen.observed import ObservedShape
from underpass.codegen.python_docstring import Parameter, docstring
from underpass.codegen.python_types import PythonTypes
from underpass.codegen.shape import shape
from underpass.codegen.template_files import render


def render_tool(
    tool: ToolDefinition,
    function: str | None = None,
    *,
    templates: Path | None = None,
    observed: ObservedShape | None = None,
) -> str:
    """Return the module of one tool: its types and one async function.

    Parameters:
        tool: the definition; its ``server`` and ``name`` are what the generated call sends.
        function: the function's name; by default the tool's own identifier.
        templates: a directory whose ``tool.py.jinja`` replaces the packaged one.
        observed: what earlier results looked like, for a tool that declares none.

    Raises ``GenerationFailed`` when a template of the user's is faulty.
    """
    function = function or tool_identifier(tool.name)
    return render("python", "tool.py.jinja", templates, _context(tool, function, observed))


def _context(tool: ToolDefinition, function: str, observed: ObservedShape | None) -> dict[str, Any]:
    interface = tool_interface(tool, observed)
    types = PythonTypes(function)
    arguments = types.scope(interface.arguments, output=False)
    result = types.scope(interface.result, output=True)
    names = identifiers((field.name for field in interface.parameters), "parameter")
    parameters = [
        Parameter(field, names[field.name], arguments.annotation(field.type, field.name))
        for field in interface.parameters
    ]
    extra = None if interface.extra is None else arguments.annotation(interface.extra, "extra")
    # A function that returns Never would make the code after its call unreachable.
    returns = (
        "Any" if isinstance(interface.returns, Nothing) else result.annotation(interface.returns, "result")
    )
    if isinstance(interface.returns, Anything | Nothing):
        types.imports.add("Any")
    documented = PARSED_TEXT if interface.returns_text else returns
    if interface.observed:
        # Any to a type checker, so that no result can contradict it; readable to everyone else.
        documented = f"{shape(interface.result, interface.returns, limit=150)} ({interface.observed})"
        returns = f"Annotated[Any, {returns}]"
        types.imports.update(("Annotated", "Any"))
    definitions = types.definitions()
    # What arrives is Any. A type checker reads no escapes in a quoted type: there it stays so.
    cast_open = ""
    is_any = returns == "Any" or bool(interface.observed)
    if not is_any and "\\" not in (quoted := python_literals.string(returns)):
        types.imports.add("cast")
        cast_open = f"cast({quoted}, "
    return {
        "header": PYTHON_HEADER,
        "tool": tool,
        "interface": interface,
        "server_label": label(tool.server),
        "tool_label": label(tool.name),
        "digest": definition_digest(tool),
        "imports": sorted(types.imports),
        "types": definitions,
        "function": function,
        "function_literal": python_literals.string(function),
        "server_literal": python_literals.string(tool.server),
        "tool_literal": python_literals.string(tool.name),
        "parameters": parameters,
        "uses_omit": not all(parameter.required for parameter in parameters),
        "extra": extra,
        "returns": returns,
        "cast_open": cast_open,
        "docstring": docstring(
            tool.description or tool.title or "",
            parameters,
            documented,
            interface.notes,
        ),
    }
