"""What a model may call while it works: a program to run, tools to find, or the tools themselves."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from underpass.adapters.reading import error_text
from underpass.agent.prompt import texts
from underpass.catalog.definition import ToolDefinition as McpTool
from underpass.codegen.calls import Language
from underpass.discovery.directory import ToolDirectory
from underpass.discovery.request import DocumentationRequest
from underpass.errors import ToolError
from underpass.execution.shape import bound_text, compact, shape_of
from underpass.metrics import tokens

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_HITS: Final = 10
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME: Final = 64
"""Characters that every provider takes for a name."""

Call = Callable[[str, str, Mapping[str, Any]], Awaitable[Any]]
"""Calls a tool by server, tool and arguments. Raises ``ToolError``."""


def definition(
    name: str, description: str, properties: Mapping[str, Any], required: Sequence[str]
) -> ToolDefinition:
    """Return a function as a model is told of it."""
    from pydantic_ai.tools import ToolDefinition

    schema = {"type": "object", "properties": dict(properties), "required": list(required)}
    return ToolDefinition(name=name, description=description, parameters_json_schema=schema)


def run_code(language: Language) -> ToolDefinition:
    """Return the function that runs a program."""
    shown = "Python" if language == "python" else "TypeScript"
    return definition(
        "run_code", f"Run a {shown} program; returns its last expression.", {"code": _TEXT}, ["code"]
    )


class Finder:
    """Finds and explains tools for a model that writes programs.

    Parameters:
        directory: finds.
        servers: the names of all servers.
        language: of the signatures.
    """

    def __init__(self, directory: ToolDirectory, servers: Sequence[str], language: Language) -> None:
        self._directory = directory
        self._language: Language = language
        self._texts = texts(servers, language)

    def definitions(self) -> list[ToolDefinition]:
        """Return the functions."""
        return [
            definition(
                "search_tools",
                "Find tools, one query for each step; name the server if it is known.",
                {"queries": {"type": "array", "items": _TEXT}, "server": _TEXT},
                ["queries"],
            ),
            definition(
                "get_tool_documentation",
                "Explain tools: names as in SERVER.TOOL.",
                {"names": {"type": "array", "items": _TEXT}},
                ["names"],
            ),
        ]

    async def answer(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Answer a call of one of the functions. Raises ``UnderpassError``."""
        if name == "get_tool_documentation":
            request = DocumentationRequest.read({**arguments, "language": self._language})
            pages = [await self._directory.document(each, self._language) for each in request.names]
            return "\n\n".join(pages)
        groups = await self._directory.search_each(queries_of(arguments), server=arguments.get("server"))
        return self._texts.of_groups(groups)


def queries_of(arguments: Mapping[str, Any]) -> list[str]:
    """Return what is searched for; some models write one text where a list is wanted."""
    given: object = arguments.get("queries") or arguments.get("query") or []
    texts = cast("list[object]", given) if isinstance(given, list) else [given]
    return [str(text) for text in texts]


class DirectTools:
    """The tools themselves, for a model that calls them one by one.

    Parameters:
        call: makes a call, with the policy and the record that a program's calls have.
        max_tokens: of what one result shows.
    """

    def __init__(self, call: Call, *, max_tokens: int) -> None:
        self._call = call
        self._max_tokens = max_tokens
        self._tools: dict[str, McpTool] = {}
        self.calls: list[dict[str, Any]] = []
        """What was called: server, tool, and whether it went well."""

    def add(self, found: Sequence[McpTool]) -> None:
        """Let the model call these as well."""
        there = {tool.id for tool in self._tools.values()}
        for tool in found:
            if tool.id not in there:
                self._tools[self._name(tool)] = tool

    def definitions(self) -> list[ToolDefinition]:
        """Return the tools as functions."""
        from pydantic_ai.tools import ToolDefinition

        return [
            ToolDefinition(
                name=name,
                description=tool.description[:1_024],
                parameters_json_schema=_schema(tool),
            )
            for name, tool in self._tools.items()
        ]

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    async def answer(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool; returns its result, or its error, as the model reads it."""
        tool = self._tools[name]
        try:
            value = await self._call(tool.server, tool.name, arguments)
        except ToolError as error:
            self.calls.append({"server": tool.server, "tool": tool.name, "ok": False})
            return error_text(error)
        self.calls.append({"server": tool.server, "tool": tool.name, "ok": True})
        text = value if isinstance(value, str) else compact(value)
        if tokens.count(text) <= self._max_tokens:
            return text
        if isinstance(value, str):
            return bound_text(text, self._max_tokens, tokens.count)
        return compact({"truncated": True, "shape": shape_of(value, self._max_tokens, tokens.count)})

    def _name(self, tool: McpTool) -> str:
        plain = _NO_NAME.sub("_", f"{tool.server}__{tool.name}")[:_LONGEST_NAME]
        name, number = plain, 1
        while name in self._tools:
            number += 1
            name = f"{plain[: _LONGEST_NAME - 4]}_{number}"
        return name


def _schema(tool: McpTool) -> dict[str, Any]:
    # Some providers refuse an object that does not say which members it has.
    schema = tool.input_schema
    return (
        {"properties": {}, **schema, "type": "object"} if isinstance(schema, Mapping) else {"type": "object"}
    )
