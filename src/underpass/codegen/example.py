"""An example of a call: a short program with valid arguments that does something with the result."""

from __future__ import annotations

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.calls import CALLS, Language
from underpass.codegen.example_arguments import example_arguments
from underpass.codegen.interface import ToolInterface, tool_interface
from underpass.codegen.literals import literal
from underpass.codegen.observed import ObservedShape
from underpass.codegen.result_use import use_of


def example(
    tool: ToolDefinition,
    language: Language = "python",
    *,
    path: str | None = None,
    observed: ObservedShape | None = None,
) -> str | None:
    """Return a program that calls the tool; None if no arguments are known that its schema accepts.

    The arguments are valid, and the program passes a type checker beside the generated modules.

    Parameters:
        tool: the tool's definition.
        language: the language of the program.
        path: how a program names the tool, ``git.git_log``; by default made of its own names.
        observed: what earlier results looked like, for a tool that declares none.
    """
    return interface_example(
        tool, tool_interface(tool, observed), language, path or CALLS[language].path(tool)
    )


def interface_example(
    tool: ToolDefinition, interface: ToolInterface, language: Language, path: str
) -> str | None:
    """Return what ``example`` does, for an interface that is at hand."""
    arguments = example_arguments(tool, interface)
    calls = CALLS[language]
    names = calls.names(interface)
    # A schema that is no valid one may have members that are no parameters.
    if arguments is None or not arguments.keys() <= names.keys():
        return None
    given: list[str] = []
    for name, value in arguments.items():
        start = calls.argument(name, names[name])
        step = calls.notation.indentation
        given.append(start + literal(calls.notation, value, step + len(start), step))
    return calls.example(path, given, calls.use(use_of(interface)))
