"""One tool's documentation: a signature in one line, or a page of Markdown of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.calls import CALLS, Calls, Language
from underpass.codegen.facts import NO_FACTS, ToolFacts
from underpass.codegen.interface import PARSED_TEXT, ToolInterface, tool_interface
from underpass.codegen.ir import ANY, Array, Field, Literals, Map, Node, Object, Primitive, Schema, Tuple
from underpass.codegen.observed import ObservedShape
from underpass.codegen.python_docstring import constraints
from underpass.codegen.shape import Notation, shape
from underpass.codegen.text import clean, clean_line

__all__ = ["Detail", "Language", "ToolFacts", "document", "signature"]

Detail = Literal["brief", "full"]

_MOST_TOKENS = 600
_LONGEST_SIGNATURE = 600
_CHARACTERS: Final[Mapping[Language, float]] = {"python": 3.2, "typescript": 2.6}
"""Characters to a token where they are the shortest: TypeScript's literals have many marks."""
# Characters of the description and of each parameter's, and how many optional parameters are
# listed one by one: the first level that fits is taken.
_LEVELS = ((1600, 400, 200), (1200, 200, 60), (900, 120, 40), (700, 60, 30), (500, 0, 20), (300, 0, 4))


def signature(
    tool: ToolDefinition,
    language: Language = "python",
    *,
    name: str | None = None,
    observed: ObservedShape | None = None,
    longest: int = _LONGEST_SIGNATURE,
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
    interface = tool_interface(tool, observed)
    function = name or calls.path(tool).partition(".")[2]
    names = calls.names(interface)
    for limit in (160, 80, 30):
        parts = [_parameter(calls, interface, field, names, limit) for field in interface.parameters]
        line = _signature(calls, function, parts, interface)
        if len(line) <= longest:
            return line
    required = sum(field.required for field in interface.parameters)
    # What a call cannot do without stays, up to the utmost.
    while parts and len(line) > (longest if len(parts) > required else _LONGEST_SIGNATURE):
        fewer = len(parts) * 3 // 4
        parts = parts[: max(fewer, required) if len(parts) > required else fewer]
        line = _signature(calls, function, [*parts, "…"], interface)
    return line


def document(
    tool: ToolDefinition,
    language: Language = "python",
    *,
    detail: Detail = "brief",
    facts: ToolFacts = NO_FACTS,
    path: Callable[[ToolDefinition], str] | None = None,
    observed: ObservedShape | None = None,
) -> str:
    """Return the tool's documentation as Markdown, about 600 tokens at most.

    Parameters:
        tool: the tool's definition.
        language: the language of the signature and the example.
        detail: ``"full"`` leaves out nothing, up to some 20,000 tokens.
        facts: its category, capabilities and related tools (``underpass.discovery.facts``).
        path: how a program names a tool, ``git.git_log``; by default made of the tool's own names.
        observed: what earlier results looked like, for a tool that declares none; marked as such.
    """
    named = (path or CALLS[language].path)(tool)
    interface = tool_interface(tool, observed)
    line = signature(tool, language, name=named.partition(".")[2], observed=observed)
    if detail == "full":
        return _page(
            tool, interface, language, named, line, level=(200_000, 20_000, len(interface.parameters))
        )
    page = ""
    for level in _LEVELS:
        page = _page(tool, interface, language, named, line, level=level)
        if _tokens(page, language) <= _MOST_TOKENS:
            break
    return page


def _tokens(text: str, language: Language) -> float:
    """Estimate tokens from above: English takes a token for four characters, other scripts one each."""
    other = sum(not letter.isascii() for letter in text) if not text.isascii() else 0
    return (len(text) - other) / _CHARACTERS[language] + other


def _page(
    tool: ToolDefinition,
    interface: ToolInterface,
    language: Language,
    path: str,
    line: str,
    *,
    level: tuple[int, int, int],
) -> str:
    calls = CALLS[language]
    names = calls.names(interface)
    parts = [f"# {path}"]
    if tool.title and tool.title != tool.name:
        parts.append(f"**{clean_line(tool.title, 100)}**")
    if description := clean(tool.description, level[0]):
        parts.append(description)
    parts.append(f"```{language}\n{line}\n```")
    if interface.parameters or interface.extra is not None:
        parts.append("\n".join(["Parameters:", *_parameter_lines(calls, interface, names, level)]))
    returns = shape(interface.result, interface.returns, calls.notation, limit=600)
    mark = f" ({interface.observed}, not declared)" if interface.observed else ""
    parts.append(f"Returns: {PARSED_TEXT if interface.returns_text else f'`{_code(returns)}`'}{mark}")
    given = {
        names[field.name]: _value(calls.notation, interface.arguments, field.type, field, 2)
        for field in interface.parameters[:12]
        if field.required
    }
    parts.append(f"```{language}\n{calls.example(path, given)}\n```")
    return "\n\n".join(parts) + "\n"


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


def _parameter_lines(
    calls: Calls, interface: ToolInterface, names: dict[str, str], level: tuple[int, int, int]
) -> Iterator[str]:
    _, longest, most = level
    arguments, notation = interface.arguments, calls.notation
    for place, field in enumerate(interface.parameters):
        if place >= most:
            left = [names[field.name] for field in interface.parameters[place:]]
            yield clean_line(f"- and {len(left)} more: {', '.join(left)}", 300)
            break
        name = names[field.name]
        facts = [f"`{_code(shape(arguments, field.type, notation, limit=max(longest, 60)))}`"]
        if field.required:
            facts.append("required")
        elif field.has_default:
            facts.append(f"default `{_code(notation.value(field.default, 60))}`")
        if limits := constraints(field):
            facts.append(clean_line(limits, max(longest, 60)))
        if name != field.name and not name.startswith('"'):
            facts.append(f"sent as `{_code(clean_line(field.name, 60))}`")
        description = clean_line(field.description, longest) if longest else ""
        yield f"- `{_code(name)}` ({', '.join(facts)}){': ' if description else ''}{description}"
    if interface.extra is not None:
        yield f"- further named arguments (`{_code(shape(arguments, interface.extra, notation, limit=60))}`)"


def _code(text: str) -> str:
    return text.replace("`", "'")


def _value(notation: Notation, schema: Schema, node: Node, field: Field | None, depth: int) -> str:
    """Return a value of the type, as an example."""
    if field is not None and field.has_default and field.default is not None:
        return notation.value(field.default, 60)
    node = next(schema.alternatives(node), ANY)
    if isinstance(node, Primitive):
        return notation.examples[node.kind]
    if isinstance(node, Literals):
        return notation.value(node.values[0], 60)
    if isinstance(node, Array) and depth:
        return f"[{_value(notation, schema, node.items, None, depth - 1)}]"
    if isinstance(node, Tuple) and depth:
        items = (_value(notation, schema, item, None, depth - 1) for item in node.items[:8])
        return f"[{', '.join(items)}]"
    if isinstance(node, Object) and depth:
        members = [
            f"{notation.key(member.name)}: {_value(notation, schema, member.type, member, depth - 1)}"
            for member in node.fields[:8]
            if member.required
        ]
        opening, closing = notation.braces if members else ("{", "}")
        return f"{opening}{', '.join(members)}{closing}"
    if isinstance(node, Array | Tuple):
        return "[]"
    return "{}" if isinstance(node, Map | Object) else '"…"'
