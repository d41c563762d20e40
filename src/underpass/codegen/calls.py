"""How a call of a tool is written, in each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from underpass.catalog.definition import ToolDefinition
from underpass.codegen import python_literals, typescript_literals
from underpass.codegen.interface import ToolInterface
from underpass.codegen.ir import Field
from underpass.codegen.literals import laid_out
from underpass.codegen.names import (
    function_identifier,
    identifiers,
    namespace_identifier,
    server_identifier,
    tool_identifier,
)
from underpass.codegen.result_use import Use
from underpass.codegen.shape import PYTHON, TYPESCRIPT, Notation
from underpass.codegen.text import clean_line

Language = Literal["python", "typescript"]

_UNDECLARED = "look at it first: no more is declared"
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

    def argument(self, name: str, shown: str) -> str:
        """Return what stands before an argument's value; ``shown`` is the parameter's name in a call."""
        ...

    def example(self, path: str, given: Sequence[str], use: str) -> str:
        """Return a short program that calls the tool with these arguments and uses the result."""
        ...

    def use(self, use: Use) -> str:
        """Return an expression that uses ``result``."""
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

    def argument(self, name: str, shown: str) -> str:  # noqa: ARG002 - the protocol fixes it
        return f"{shown}="

    def example(self, path: str, given: Sequence[str], use: str) -> str:
        server = path.partition(".")[0]
        start = f"result = await {path}"
        call = laid_out(("(", ")"), given, len(start), self.notation.indentation)
        return f"from mcp_servers import {server}\n\n{start}{call}\n{use}"

    def use(self, use: Use) -> str:
        member = python_literals.string(use.member)
        reads = f".get({member})" if use.optional else f"[{member}]"
        return {
            "whole": f"result  # {_UNDECLARED}",
            "text": "result[:500]",
            "first": "result[:10]",
            "each": f"[item{reads} for item in result]",
            "member": f"result{reads}",
        }[use.kind]


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

    def argument(self, name: str, shown: str) -> str:  # noqa: ARG002 - the protocol fixes it
        return f"{self.notation.key(name)}: "

    def example(self, path: str, given: Sequence[str], use: str) -> str:
        server = path.partition(".")[0]
        start = f"const result = await {path}("
        arguments = laid_out(("{ ", " }"), given, len(start) + 2, self.notation.indentation) if given else ""
        return f'import {{ {server} }} from "mcp-servers";\n\n{start}{arguments});\n{use}'

    def use(self, use: Use) -> str:
        name = typescript_literals.key(use.member)
        reads = f"[{name}]" if name.startswith('"') else f".{name}"
        item = "(item: any)" if use.observed else "(item)"
        return {
            "whole": f"result; // {_UNDECLARED}",
            "text": "result.slice(0, 500);",
            "first": "result.slice(0, 10);",
            "each": f"result.map({item} => item{reads});",
            "member": f"result{reads};",
        }[use.kind]


CALLS: Final[Mapping[Language, Calls]] = {"python": _PythonCalls(), "typescript": _TypeScriptCalls()}


def _key(name: str) -> str:
    return clean_line(typescript_literals.key(name), _LONGEST_KEY)
