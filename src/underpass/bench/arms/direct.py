"""Direct calls: all definitions are in the context, and so is every result."""

from __future__ import annotations

from collections.abc import Iterable

from underpass.bench.answers import is_expected
from underpass.bench.conversation import Conversation, Spent, call_text, value_text
from underpass.bench.place import Place
from underpass.bench.task import Task
from underpass.bench.trajectory import Trajectory
from underpass.catalog.definition import Listing, ToolDefinition
from underpass.discovery.known_tools import definition_text


class Direct:
    """All tools of all servers are loaded at the start, as most clients do."""

    name = "direct"

    async def carry_out(self, task: Task, place: Place) -> Spent:
        """Count the calls that were made, with every definition."""
        return _counted(task, place.trajectory, await _every(place))


class Oracle:
    """Only the tools that will be called are loaded: nobody can know them, so this is a bound."""

    name = "oracle"

    async def carry_out(self, task: Task, place: Place) -> Spent:
        """Count the calls that were made, with the definitions of what they call."""
        needed = set(place.trajectory.tools)
        tools = [tool for tool in await _every(place) if (tool.server, tool.name) in needed]
        return _counted(task, place.trajectory, tools)


async def _every(place: Place) -> list[ToolDefinition]:
    listings = await place.view.catalog.listings()
    return [tool for each in listings.values() if isinstance(each, Listing) for tool in each.tools]


def _counted(task: Task, trajectory: Trajectory, tools: Iterable[ToolDefinition]) -> Spent:
    talk = Conversation()
    talk.read(*map(definition_text, tools), task.command)
    for turn in trajectory.turns:
        talk.write(
            *(call_text(f"{each.call.server}__{each.call.tool}", each.call.arguments) for each in turn)
        )
        talk.read(*(each.text for each in turn))
    talk.write(value_text(trajectory.answer))
    return talk.spent(correct=is_expected(task, trajectory.answer))
