"""A command carried out by direct calls of tools, each of which the model makes itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from underpass.agent.backend import Backend
from underpass.agent.call_log import CallLog
from underpass.agent.prompt import direct_prompt
from underpass.agent.talk import Heard, NoAnswer, Talk, arguments_of
from underpass.agent.toolbox import DirectTools, definition, queries_of
from underpass.broker.approvals import Ask
from underpass.catalog.definition import ToolDefinition as McpTool
from underpass.discovery.known_tools import definition_tokens
from underpass.errors import ToolError, ToolTimeout, ToolUnavailable

if TYPE_CHECKING:
    from pydantic_ai.messages import ToolCallPart

_FEW: Final = 8_000
"""Tokens of all definitions up to which a model is given all of them."""
_FITTING: Final = 15
"""Tools that it is given otherwise, and for each query of its own."""


class ByCalls:
    """One command's way to an answer by direct calls; parameters as for ``ByPrograms``."""

    def __init__(self, up: Backend, talk: Talk, log: CallLog, *, agent: str, ask: Ask | None) -> None:
        self._up = up
        self._talk = talk

        async def call(server: str, tool: str, arguments: Mapping[str, Any]) -> Any:
            ended = log.began(server, tool, arguments)
            try:
                value = await up.call_tool(server, tool, arguments, agent=agent, ask=ask)
            except ToolError as error:
                ended(None if isinstance(error, ToolTimeout | ToolUnavailable) else False)
                raise
            ended(True)
            return value

        self._tools = DirectTools(call, max_tokens=up.settings.run.max_tokens)

    @property
    def calls(self) -> Sequence[Mapping[str, Any]]:
        """What was called: server, tool, and whether it went well."""
        return self._tools.calls

    async def answer(self, command: str, max_turns: int) -> str:
        """Return the model's answer.

        Raises:
            NoAnswer: it refuses, cannot call functions, or took too many turns.
            ModelFailed: it cannot be asked.
        """
        talk = self._talk
        every = await self._few()
        self._tools.add(await self._fitting([command]) if every is None else every)
        search = [_search()] if every is None else []
        talk.begin(direct_prompt(self._up.catalog, searchable=every is None), command)
        last = talk.turns + max_turns
        while talk.turns < last:
            heard = await talk.ask([*self._tools.definitions(), *search])
            if not talk.can_call:
                raise NoAnswer("the model cannot call functions; it can only write programs")
            if heard.calls:
                talk.answer([(call, await self._one(call, heard)) for call in heard.calls])
            elif heard.was_cut:
                talk.say("Your message was cut off: it was too long. Write less.")
            elif heard.text:
                return heard.text
            else:
                talk.say("You wrote nothing. Call a tool, or write the answer.")
        raise NoAnswer(f"the model gave no answer in {talk.turns} turns")

    async def _one(self, call: ToolCallPart, heard: Heard) -> str:
        arguments = arguments_of(call)
        if arguments is None:
            why = "they were cut off. Write less" if heard.was_cut else "write them again"
            return f"the arguments are no JSON object: {why}"
        if call.tool_name in self._tools:
            return await self._tools.answer(call.tool_name, arguments)
        if call.tool_name != _search().name:
            return f"there is no tool {call.tool_name!r:.80}"
        found = await self._fitting(queries_of(arguments))
        self._tools.add(found)
        return "You can call these now: " + ", ".join(f"{tool.server}.{tool.name}" for tool in found)

    async def _few(self) -> list[McpTool] | None:
        """Return all tools, where they are few and known."""
        catalog = self._up.catalog
        listings = await catalog.listings()
        known = catalog.known()
        every = [tool for listing in known.values() for tool in listing.tools]
        is_all = len(known) == len(listings) and definition_tokens(every, _FEW) is not None
        return every if is_all else None

    async def _fitting(self, queries: Sequence[str]) -> list[McpTool]:
        groups = await self._up.directory.search_each(queries, limit=_FITTING)
        return [hit.tool for group in groups for hit in group.tools]


def _search() -> Any:
    queries = {"queries": {"type": "array", "items": {"type": "string"}}}
    return definition("search_tools", "Find more tools, one query for each step.", queries, ["queries"])
