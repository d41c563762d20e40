"""Search, then call: a facade of two tools, whose search answers with definitions. Results come whole."""

from __future__ import annotations

from typing import Any, Final

from underpass.bench.answers import is_expected
from underpass.bench.conversation import Conversation, Spent, call_text, definition_text, value_text
from underpass.bench.missing import words
from underpass.bench.place import Place
from underpass.bench.task import Task
from underpass.discovery.known_tools import definition_text as tool_text

_HITS: Final = 5
"""For each query, as many as Underpass answers with."""
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_DEFINITIONS: Final = (
    definition_text(
        "search_tools",
        "Find tools, one query for each step; returns their definitions.",
        {
            "type": "object",
            "properties": {"queries": {"type": "array", "items": _TEXT}, "server": _TEXT},
            "required": ["queries"],
        },
    ),
    definition_text(
        "call_tool",
        "Call a tool that search_tools has found.",
        {
            "type": "object",
            "properties": {"name": _TEXT, "arguments": {"type": "object"}},
            "required": ["name", "arguments"],
        },
    ),
)


class Search:
    """Finds tools as Underpass does, with the same ranking, but reads definitions and whole results."""

    name = "search"

    async def carry_out(self, task: Task, place: Place) -> Spent:
        """Search for every step at once, and call what was found."""
        talk = Conversation()
        talk.read(*_DEFINITIONS, task.command)
        missing = set(place.trajectory.tools)
        missing -= await self._search(talk, place, list(task.queries))
        for server in sorted({server for server, _ in missing}):
            again = [words(tool) for owner, tool in sorted(missing) if owner == server]
            missing -= await self._search(talk, place, again, server)
        if missing:
            return talk.spent(correct=False, note=f"not found: {sorted(missing)}")
        for turn in place.trajectory.turns:
            talk.write(
                *(
                    call_text(
                        "call_tool",
                        {
                            "name": f"{each.call.server}.{each.call.tool}",
                            "arguments": dict(each.call.arguments),
                        },
                    )
                    for each in turn
                )
            )
            talk.read(*(each.text for each in turn))
        talk.write(value_text(place.trajectory.answer))
        return talk.spent(correct=is_expected(task, place.trajectory.answer))

    async def _search(
        self, talk: Conversation, place: Place, queries: list[str], server: str | None = None
    ) -> set[tuple[str, str]]:
        named = {} if server is None else {"server": server}
        talk.write(call_text("search_tools", {"queries": queries, **named}))
        groups = await place.view.directory.search_each(queries, server=server, limit=_HITS)
        tools = [hit.tool for group in groups for hit in group.tools]
        talk.read(*map(tool_text, tools))
        return {(tool.server, tool.name) for tool in tools}
