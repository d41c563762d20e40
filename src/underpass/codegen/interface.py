"""A tool as a function: its parameters and what it returns, in no language's terms."""

from __future__ import annotations

from dataclasses import dataclass, replace

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.algebra import union
from underpass.codegen.ir import ANY, STRING, Anything, Field, Map, Node, Object, Schema
from underpass.codegen.observed import ObservedShape, is_vague
from underpass.codegen.schema import read_schema

PARSED_TEXT = "text, parsed where it is JSON"
"""What is said of a result whose only declared type is wrapped text."""


@dataclass(frozen=True, slots=True)
class ToolInterface:
    """What a generated function takes and gives.

    ``parameters`` has the required ones first, each group in the schema's order. ``extra`` is the
    type of further named arguments, where the schema allows them explicitly. ``arguments`` and
    ``result`` are the schemas whose definitions the types refer to; ``returns`` is the type of the
    value after unwrapping. ``returns_text`` says that it is text which arrives parsed where it holds
    JSON: its type is not known then. ``observed`` says how often ``returns`` was seen, where it is no
    declared type: ``observed 7 times``.
    """

    parameters: tuple[Field, ...]
    extra: Node | None
    returns: Node
    arguments: Schema
    result: Schema
    returns_text: bool = False
    observed: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was widened, in words."""
        return (
            *(f"input: {note}" for note in self.arguments.notes),
            *(f"output: {note}" for note in self.result.notes),
        )


def tool_interface(tool: ToolDefinition, observed: ObservedShape | None = None) -> ToolInterface:
    """Return the function that ``tool`` is. Never raises for a tool whose schemas are JSON.

    What was ``observed`` of its results counts where it declares nothing better.
    """
    arguments = read_schema(tool.input_schema)
    parameters, extra = _parameters(arguments)
    result = read_schema(True if tool.output_schema is None else tool.output_schema)
    returns = _returns(result, tool)
    # A framework that wraps text knows no more of it than a server that declares nothing.
    returns_text = tool.wraps_result and returns == STRING
    mark = ""
    if observed is not None and (returns_text or is_vague(result, returns)):
        seen = read_schema(observed.schema)
        if not isinstance(seen.root, Anything):
            result, returns, returns_text, mark = seen, seen.root, False, observed.mark
    return ToolInterface(
        parameters=tuple(sorted(parameters, key=lambda parameter: not parameter.required)),
        extra=extra,
        returns=ANY if returns_text else returns,
        arguments=arguments,
        result=result,
        returns_text=returns_text,
        observed=mark,
    )


def _returns(result: Schema, tool: ToolDefinition) -> Node:
    if tool.wraps_result:
        root = result.resolve(result.root)
        if isinstance(root, Object) and len(root.fields) == 1:
            return root.fields[0].type
    return result.root


def _parameters(schema: Schema) -> tuple[list[Field], Node | None]:
    """Return the named parameters and the type of others.

    Arguments are always an object. When the root is a union, a parameter is required if every branch
    that is an object requires it. A root that holds no object takes whatever it is given: the server
    has the last word.
    """
    branches = [
        node for node in schema.alternatives(schema.root) if isinstance(node, Object | Map | Anything)
    ]
    if not branches:
        return [], ANY
    objects = [branch for branch in branches if isinstance(branch, Object)]
    merged: dict[str, list[Field]] = {}
    extras: list[Node] = []
    for branch in branches:
        if isinstance(branch, Object):
            extras.extend(() if branch.extra is None else (branch.extra,))
            for member in branch.fields:
                merged.setdefault(member.name, []).append(member)
        else:
            extras.append(branch.values if isinstance(branch, Map) else ANY)
    always = len(objects) if len(objects) == len(branches) else -1
    fields = [_merge(members, always) for members in merged.values()]
    return fields, union(extras) if extras else None


def _merge(members: list[Field], always: int) -> Field:
    if len(members) == 1 == always:
        return members[0]
    described = next((member for member in members if member.description), members[0])
    return replace(
        described,
        type=union(member.type for member in members),
        required=len(members) == always and all(member.required for member in members),
        default=next((member.default for member in members if member.has_default), members[0].default),
    )
