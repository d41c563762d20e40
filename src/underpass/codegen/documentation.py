"""One tool's documentation: a page of Markdown of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.calls import CALLS, Calls, Language
from underpass.codegen.example import interface_example
from underpass.codegen.facts import NO_FACTS, ToolFacts
from underpass.codegen.interface import PARSED_TEXT, ToolInterface, tool_interface
from underpass.codegen.ir import ANY, Array, Field, Node, Object, Schema
from underpass.codegen.markdown import code, inert, inert_line
from underpass.codegen.observed import ObservedShape
from underpass.codegen.python_docstring import constraints
from underpass.codegen.shape import shape
from underpass.codegen.signatures import interface_signature, signature
from underpass.codegen.text import clean_line
from underpass.metrics.tokens import count

__all__ = ["Detail", "Language", "ToolFacts", "document", "signature"]

Detail = Literal["brief", "full"]
ToolPath = Callable[[ToolDefinition], str]
"""Gives how a program names a tool: ``git.git_log``."""

TITLES: Final[Mapping[Language, str]] = {"python": "Python", "typescript": "TypeScript"}
NO_OTHERS: Final[Mapping[Language, ToolPath]] = {}

_MOST_TOKENS: Final[Mapping[Detail, int]] = {"brief": 600, "full": 20_000}


_DEEPEST = 6
"""Levels of arrays and objects whose members are described."""


@dataclass(frozen=True, slots=True)
class _Level:
    """How much of each part is shown; sizes are in characters."""

    description: int
    parameter: int
    """Of a parameter's type, and of its description."""
    parameters: int
    """How many optional parameters have a line of their own."""
    members: int = 0
    """How many members of objects have one."""
    signature: int = 600
    example: int = 800
    related: int = 5
    summary: int = 80


# The first level that fits is taken.
_LEVELS: Final[Mapping[Detail, Sequence[_Level]]] = {
    "brief": (
        _Level(1600, 400, 200),
        _Level(1200, 200, 60),
        _Level(900, 120, 40, related=4),
        _Level(900, 60, 30, related=4, summary=60),
        _Level(700, 60, 30, related=3, summary=60, signature=400),
        _Level(500, 0, 20, related=3, summary=40, signature=300),
        _Level(300, 0, 10, related=2, summary=0, signature=300, example=900),
        _Level(150, 0, 4, related=1, summary=0, signature=200, example=1_200),
        _Level(150, 0, 0, related=0, signature=100, example=900),
        _Level(100, 0, 0, related=0, signature=80, example=0),
    ),
    "full": (
        _Level(200_000, 20_000, 5_000, 500, example=8_000, summary=200),
        _Level(20_000, 2_000, 1_000, 300, example=4_000, summary=200),
        _Level(8_000, 400, 300, 100, example=4_000),
        _Level(4_000, 200, 120, 40, example=2_000),
        _Level(1_600, 60, 40, example=2_000),
    ),
}


def document(
    tool: ToolDefinition,
    language: Language = "python",
    *,
    detail: Detail = "brief",
    facts: ToolFacts = NO_FACTS,
    path: ToolPath | None = None,
    also: Mapping[Language, ToolPath] = NO_OTHERS,
    link: Callable[[ToolDefinition], str] | None = None,
    observed: ObservedShape | None = None,
) -> str:
    """Return the tool's documentation as Markdown.

    Each page has the category and the capabilities, the description, how the tool is called, its
    parameters, what it returns, an example with valid arguments, and related tools. Text of the server's
    brings no structure of its own.

    Parameters:
        tool: the tool's definition.
        language: the language of the signature and the example.
        detail: ``"brief"`` shortens what is long, to 600 tokens at most; ``"full"`` leaves out nothing up to
            some 20,000 tokens, and describes the members of objects as well.
        facts: its category, capabilities and related tools (``ToolDirectory.facts``).
        path: how a program names a tool, ``git.git_log``; by default made of the tool's own names.
        also: other languages whose signature and example are added, and how their programs name a tool.
        link: the address of a related tool's page; by default they are named and not linked.
        observed: what earlier results looked like, for a tool that declares none; marked as such.
    """
    interface = tool_interface(tool, observed)

    def made(language: Language, path: ToolPath) -> _Documentation:
        return _Documentation(tool, interface, language=language, facts=facts, path=path, link=link)

    main = made(language, path or CALLS[language].path)
    others = [made(other, theirs) for other, theirs in also.items()]
    page = ""
    for level in _LEVELS[detail]:
        page = main.page(level, others)
        if count(page) <= _MOST_TOKENS[detail]:
            break
    return page


class _Documentation:
    def __init__(
        self,
        tool: ToolDefinition,
        interface: ToolInterface,
        *,
        language: Language,
        facts: ToolFacts,
        path: ToolPath,
        link: Callable[[ToolDefinition], str] | None,
    ) -> None:
        self._tool = tool
        self._interface = interface
        self._language: Language = language
        self._facts = facts
        self._path = path
        self._link = link
        self._calls: Calls = CALLS[language]
        self._example = interface_example(tool, interface, language, path(tool))

    def page(self, level: _Level, others: Sequence[_Documentation]) -> str:
        parts = [*self._head(level), *self._body(level)]
        for other in others:
            parts += other.summary(level)
        return "\n\n".join([*parts, *self._related(level)]) + "\n"

    def summary(self, level: _Level) -> Iterator[str]:
        """Yield what another language has to add."""
        yield f"## In {TITLES[self._language]}"
        yield self._signature(level)
        yield self._shown_example(level)

    def _head(self, level: _Level) -> Iterator[str]:
        tool, facts = self._tool, self._facts
        yield f"# {self._path(tool)}"
        if tool.title and tool.title != tool.name:
            yield f"**{inert_line(tool.title, 100).replace('*', '')}**"
        labels = [f"Category: {facts.category}"] if facts.category else []
        labels += [f"capabilities: {', '.join(facts.capabilities)}"] if facts.capabilities else []
        if labels:
            shown = "; ".join(labels)
            yield shown[0].upper() + shown[1:]
        yield inert(tool.description, level.description) or "No description."

    def _body(self, level: _Level) -> Iterator[str]:
        yield self._signature(level)
        yield "## Parameters"
        yield "\n".join(self._parameters(level)) or "None."
        yield "## Returns"
        yield "\n".join(self._returns(level))
        yield "## Example"
        yield self._shown_example(level)

    def _related(self, level: _Level) -> Iterator[str]:
        related = self._facts.related[: level.related]
        if related:
            yield "## See also"
            yield "\n".join(self._see(tool, level) for tool in related)

    def _signature(self, level: _Level) -> str:
        function = self._path(self._tool).partition(".")[2]
        return self._fenced(interface_signature(self._interface, self._calls, function, level.signature))

    def _fenced(self, text: str) -> str:
        return f"```{self._language}\n{text}\n```"

    def _parameters(self, level: _Level) -> Iterator[str]:
        interface, notation = self._interface, self._calls.notation
        names = self._calls.names(interface)
        # One that must be given is listed unless there is no end of them.
        required = sum(field.required for field in interface.parameters)
        most = max(level.parameters, min(required, 3 * level.parameters))
        members = level.members
        for place, field in enumerate(interface.parameters):
            if place >= most:
                left = [names[field.name] for field in interface.parameters[place:]]
                yield f"- and {len(left)} more: {code(clean_line(', '.join(left), level.description))}"
                break
            name = names[field.name]
            yield self._field(interface.arguments, field, name, level)
            for line in islice(self._members(interface.arguments, field.type, name, level, 1), members):
                members -= 1
                yield line
        if interface.extra is not None:
            extra = shape(interface.arguments, interface.extra, notation, limit=60)
            yield f"- further named arguments ({code(extra)})"

    def _field(self, schema: Schema, field: Field, name: str, level: _Level) -> str:
        notation = self._calls.notation
        shortest = max(level.parameter, 60)
        facts = [code(shape(schema, field.type, notation, limit=shortest))]
        if field.required:
            facts.append("required")
        elif field.has_default:
            facts.append(f"default {code(notation.value(field.default, 60))}")
        if limits := constraints(field):
            facts.append(inert_line(limits, shortest))
        real = field.name
        if not name.startswith('"') and name.rpartition(".")[2] != real:
            facts.append(f"sent as {code(clean_line(real, 60))}")
        description = inert_line(field.description, level.parameter) if level.parameter else ""
        return f"- {code(name)} ({', '.join(facts)}){': ' if description else ''}{description}"

    def _members(self, schema: Schema, node: Node, name: str, level: _Level, depth: int) -> Iterator[str]:
        """Yield a line for each member of the objects that a value may hold, down to some depth."""
        if not level.members or depth > _DEEPEST:
            return
        for alternative in schema.alternatives(node):
            if isinstance(alternative, Array):
                yield from self._members(schema, alternative.items, f"{name}[]", level, depth + 1)
            elif isinstance(alternative, Object):
                for field in alternative.fields:
                    inner = f"{name}.{field.name}" if name else field.name
                    yield "  " * max(depth, 1) + self._field(schema, field, clean_line(inner, 200), level)
                    yield from self._members(schema, field.type, inner, level, depth + 1)

    def _returns(self, level: _Level) -> Iterator[str]:
        interface = self._interface
        if interface.returns_text:
            yield f"{PARSED_TEXT[0].upper()}{PARSED_TEXT[1:]} (declared)."
            return
        returns = code(
            shape(interface.result, interface.returns, self._calls.notation, limit=level.signature)
        )
        if interface.observed:
            yield f"{returns} ({interface.observed}, not declared)"
        elif interface.returns == ANY:
            yield f"{returns} (nothing is declared)"
        else:
            yield f"{returns} (declared)"
        yield from islice(self._members(interface.result, interface.returns, "", level, 0), level.members)

    def _shown_example(self, level: _Level) -> str:
        if self._example is None:
            return "No arguments are known that the tool's own schema accepts."
        if len(self._example) > level.example:
            return "The shortest valid call is long; the full documentation has it."
        return self._fenced(self._example)

    def _see(self, tool: ToolDefinition, level: _Level) -> str:
        name = code(self._path(tool))
        shown = f"[{name}]({self._link(tool)})" if self._link else name
        said = tool.description or tool.title or ""
        summary = inert_line(first_sentence(said), level.summary) if level.summary else ""
        return f"- {shown}{': ' if summary else ''}{summary}"


def first_sentence(text: str) -> str:
    """Return the first sentence of a description, in one line of any length below 1,000."""
    line = " ".join(text[:1000].strip().partition("\n\n")[0].split())
    head, stop, _ = line.partition(". ")
    return head + stop.strip()
