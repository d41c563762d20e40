"""One tool's documentation: a signature in one line, or a page of Markdown of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from underpass.catalog.definition import ToolDefinition
from underpass.codegen import python_literals
from underpass.codegen.interface import PARSED_TEXT, ToolInterface, tool_interface
from underpass.codegen.ir import ANY, Array, Field, Literals, Map, Node, Object, Primitive, Schema, Tuple
from underpass.codegen.names import identifiers, server_identifier, tool_identifier
from underpass.codegen.observed import ObservedShape
from underpass.codegen.python_docstring import constraints
from underpass.codegen.shape import shape
from underpass.codegen.text import clean, clean_line

Language = Literal["python"]

_MOST_TOKENS = 600
_LONGEST_SIGNATURE = 600
_EXAMPLES: Final = {"null": "None", "boolean": "True", "integer": "1", "number": "1.0", "string": '"…"'}
# Characters of the description and of each parameter's, and how many optional parameters are
# listed one by one: the first level that fits is taken.
_LEVELS: Final = ((1600, 400, 200), (1200, 200, 60), (900, 120, 40), (700, 60, 30), (500, 0, 20), (300, 0, 4))


def signature(
    tool: ToolDefinition,
    language: Language = "python",
    *,
    name: str | None = None,
    observed: ObservedShape | None = None,
) -> str:
    """Return how the tool is called, in one line: ``git_log(*, repo_path: str, max_count: int = 10) -> str``.

    Parameters:
        tool: the tool's definition.
        language: the language of the line.
        name: the function's name where it differs from the tool's own identifier.
        observed: what earlier results looked like, for a tool that declares none; marked as such.
    """
    del language  # one so far
    interface = tool_interface(tool, observed)
    function = name or tool_identifier(tool.name)
    names = _parameter_names(interface)
    schema = interface.arguments
    for limit in (160, 80, 30):
        parts = [_parameter(schema, field, names[field.name], limit) for field in interface.parameters]
        line = _signature(function, parts, interface)
        if len(line) <= _LONGEST_SIGNATURE:
            return line
    while len(line) > _LONGEST_SIGNATURE and parts:
        parts = parts[: len(parts) * 3 // 4]
        line = _signature(function, [*parts, "…"], interface)
    return line


def document(
    tool: ToolDefinition,
    language: Language = "python",
    *,
    full: bool = False,
    path: str | None = None,
    observed: ObservedShape | None = None,
) -> str:
    """Return the tool's documentation as Markdown, about 600 tokens at most.

    Parameters:
        tool: the tool's definition.
        language: the language of the signature and the example.
        full: leave nothing out, whatever the size.
        path: how a program names the tool, ``git.git_log``; by default made of its own names.
        observed: what earlier results looked like, for a tool that declares none; marked as such.
    """
    path = path or f"{server_identifier(tool.server)}.{tool_identifier(tool.name)}"
    interface = tool_interface(tool, observed)
    line = signature(tool, language, name=path.partition(".")[2], observed=observed)
    if full:
        return _page(tool, interface, path, line, (200_000, 20_000, len(interface.parameters)))
    page = ""
    for level in _LEVELS:
        page = _page(tool, interface, path, line, level)
        if _tokens(page) <= _MOST_TOKENS:
            break
    return page


def _tokens(text: str) -> float:
    """Estimate tokens from above: English takes a token for four characters, other scripts one each."""
    other = sum(not letter.isascii() for letter in text) if not text.isascii() else 0
    return (len(text) - other) / 3.2 + other


def _page(
    tool: ToolDefinition, interface: ToolInterface, path: str, line: str, level: tuple[int, int, int]
) -> str:
    server = path.partition(".")[0]
    names = _parameter_names(interface)
    parts = [f"# {path}"]
    if tool.title and tool.title != tool.name:
        parts.append(f"**{clean_line(tool.title, 100)}**")
    if description := clean(tool.description, level[0]):
        parts.append(description)
    parts.append(f"```python\n{line}\n```")
    if interface.parameters or interface.extra is not None:
        parts.append("\n".join(["Parameters:", *_parameter_lines(interface, names, level)]))
    returns = shape(interface.result, interface.returns, limit=600)
    mark = f" ({interface.observed}, not declared)" if interface.observed else ""
    parts.append(f"Returns: {PARSED_TEXT if interface.returns_text else f'`{_code(returns)}`'}{mark}")
    parts.append(f"```python\nfrom mcp_servers import {server}\n\n{_example(interface, names, path)}\n```")
    return "\n\n".join(parts) + "\n"


def _parameter_names(interface: ToolInterface) -> dict[str, str]:
    return identifiers((field.name for field in interface.parameters), "parameter")


def _signature(function: str, parts: list[str], interface: ToolInterface) -> str:
    star = ["*"] if interface.parameters else []
    extra = (
        []
        if interface.extra is None
        else [f"**extra: {shape(interface.arguments, interface.extra, limit=60)}"]
    )
    returns = shape(interface.result, interface.returns, limit=160)
    mark = f"  # {interface.observed}" if interface.observed else ""
    return f"{function}({', '.join([*star, *parts, *extra])}) -> {returns}{mark}"


def _parameter(schema: Schema, field: Field, name: str, limit: int) -> str:
    shown = f"{name}: {shape(schema, field.type, depth=2, limit=limit)}"
    if field.required:
        return shown
    return f"{shown} = {python_literals.value(field.default, 40) if field.has_default else '...'}"


def _parameter_lines(
    interface: ToolInterface, names: dict[str, str], level: tuple[int, int, int]
) -> Iterator[str]:
    _, longest, most = level
    for place, field in enumerate(interface.parameters):
        if place >= most:
            left = [names[field.name] for field in interface.parameters[place:]]
            yield clean_line(f"- and {len(left)} more: {', '.join(left)}", 300)
            break
        facts = [f"`{_code(shape(interface.arguments, field.type, limit=max(longest, 60)))}`"]
        if field.required:
            facts.append("required")
        elif field.has_default:
            facts.append(f"default `{_code(python_literals.value(field.default, 60))}`")
        if limits := constraints(field):
            facts.append(clean_line(limits, max(longest, 60)))
        if names[field.name] != field.name:
            facts.append(f"sent as `{_code(clean_line(field.name, 60))}`")
        description = clean_line(field.description, longest) if longest else ""
        yield f"- `{names[field.name]}` ({', '.join(facts)}){': ' if description else ''}{description}"
    if interface.extra is not None:
        yield f"- further named arguments (`{_code(shape(interface.arguments, interface.extra, limit=60))}`)"


def _code(text: str) -> str:
    return text.replace("`", "'")


def _example(interface: ToolInterface, names: dict[str, str], path: str) -> str:
    given = [
        f"{names[field.name]}={_value(interface.arguments, field.type, field, 2)}"
        for field in interface.parameters[:12]
        if field.required
    ]
    return f"result = await {path}({', '.join(given)})"


def _value(schema: Schema, node: Node, field: Field | None, depth: int) -> str:
    """Return a value of the type, as an example."""
    if field is not None and field.has_default and field.default is not None:
        return python_literals.value(field.default, 60)
    node = next(schema.alternatives(node), ANY)
    if isinstance(node, Primitive):
        return _EXAMPLES[node.kind]
    if isinstance(node, Literals):
        return python_literals.value(node.values[0], 60)
    if isinstance(node, Array) and depth:
        return f"[{_value(schema, node.items, None, depth - 1)}]"
    if isinstance(node, Tuple) and depth:
        return f"[{', '.join(_value(schema, item, None, depth - 1) for item in node.items[:8])}]"
    if isinstance(node, Object) and depth:
        members = [
            f"{python_literals.value(member.name, 60)}: {_value(schema, member.type, member, depth - 1)}"
            for member in node.fields[:8]
            if member.required
        ]
        return "{" + ", ".join(members) + "}"
    if isinstance(node, Array | Tuple):
        return "[]"
    return "{}" if isinstance(node, Map | Object) else '"…"'
