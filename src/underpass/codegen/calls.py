"""How a call of a tool is written, in each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from underpass.catalog.definition import ToolDefinition
from underpass.codegen import python_literals, typescript_literals
from underpass.codegen.interface import ToolInterface
from underpass.codegen.ir import Field
from underpass.codegen.names import (
    function_identifier,
    identifiers,
    namespace_identifier,
    server_identifier,
    tool_identifier,
)
from underpass.codegen.shape import PYTHON, TYPESCRIPT, Notation
from underpass.codegen.text import clean_line

Language = Literal["python", "typescript"]

_LONGEST_DEFAULT = 40
_LONGEST_KEY = 200


class Calls(Protocol):
    """The way one language calls a tool. All that it returns is one line, but for an example."""

    notation: Notation

    def path(self, tool: ToolDefinition) -> str:
        """Return how a program names the tool, if its own names are all there is to know."""
        ...

    def names(self, interface: ToolInterface) -> dict[str, str]:
        """Return what each parameter is called in a call, by its real name."""
        ...

    def parameter(self, name: str, annotation: str, field: Field) -> str:
        """Return one parameter as a signature has it."""
        ...

    def signature(self, function: str, parts: Sequence[str], extra: str, returns: str, mark: str) -> str:
        """Return a signature; ``extra`` is the type of further arguments, or empty."""
        ...

    def example(self, path: str, given: Mapping[str, str]) -> str:
        """Return a short program that calls the tool with these arguments."""
        ...


class _PythonCalls:
    notation = PYTHON

    def path(self, tool: ToolDefinition) -> str:
        return f"{server_identifier(tool.server)}.{tool_identifier(tool.name)}"

    def names(self, interface: ToolInterface) -> dict[str, str]:
        return identifiers((field.name for field in interface.parameters), "parameter")

    def parameter(self, name: str, annotation: str, field: Field) -> str:
        if field.required:
            return f"{name}: {annotation}"
        default = python_literals.value(field.default, _LONGEST_DEFAULT) if field.has_default else "..."
        return f"{name}: {annotation} = {default}"

    def signature(self, function: str, parts: Sequence[str], extra: str, returns: str, mark: str) -> str:
        inside = [*(["*"] if parts else []), *parts, *([f"**extra: {extra}"] if extra else [])]
        return f"{function}({', '.join(inside)}) -> {returns}{f'  # {mark}' if mark else ''}"

    def example(self, path: str, given: Mapping[str, str]) -> str:
        arguments = ", ".join(f"{name}={value}" for name, value in given.items())
        server = path.partition(".")[0]
        return f"from mcp_servers import {server}\n\nresult = await {path}({arguments})"


class _TypeScriptCalls:
    notation = TYPESCRIPT

    def path(self, tool: ToolDefinition) -> str:
        return f"{namespace_identifier(tool.server)}.{function_identifier(tool.name)}"

    def names(self, interface: ToolInterface) -> dict[str, str]:
        return {field.name: _key(field.name) for field in interface.parameters}

    def parameter(self, name: str, annotation: str, field: Field) -> str:
        if field.required:
            return f"{name}: {annotation}"
        default = typescript_literals.value(field.default, _LONGEST_DEFAULT) if field.has_default else ""
        return f"{name}?: {annotation}{f' = {default}' if default else ''}"

    def signature(self, function: str, parts: Sequence[str], extra: str, returns: str, mark: str) -> str:
        inside = [*parts, *([f"[key: string]: {extra}"] if extra else [])]
        arguments = f"{{ {', '.join(inside)} }}" if inside else ""
        return f"{function}({arguments}): Promise<{returns}>{f'  // {mark}' if mark else ''}"

    def example(self, path: str, given: Mapping[str, str]) -> str:
        arguments = f"{{ {', '.join(f'{name}: {value}' for name, value in given.items())} }}" if given else ""
        server = path.partition(".")[0]
        return f'import {{ {server} }} from "mcp-servers";\n\nconst result = await {path}({arguments});'


CALLS: Final[Mapping[Language, Calls]] = {"python": _PythonCalls(), "typescript": _TypeScriptCalls()}


def _key(name: str) -> str:
    return clean_line(typescript_literals.key(name), _LONGEST_KEY)
