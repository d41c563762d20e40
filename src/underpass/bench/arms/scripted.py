"""A model that follows a script: it searches for what it has not read of, and does what a task says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from underpass.bench.conversation import Conversation, call_text, definition_text, value_text
from underpass.bench.missing import words
from underpass.bench.place import Place
from underpass.bench.task import Task
from underpass.bench.trajectory import Exchange
from underpass.codegen.calls import Language
from underpass.execution.shape import compact

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models.function import AgentInfo, DeltaToolCalls, FunctionModel

_Call = tuple[str, dict[str, Any]]


class ScriptedModel:
    """Plays one task, in whatever way the agent lets it; counts what it reads and writes."""

    def __init__(self, task: Task, place: Place) -> None:
        self._task = task
        self._place = place
        self._searches = 0
        self._exchanges: tuple[Exchange, ...] = ()
        """The direct calls of the last turn."""
        self._done = 0
        """Turns of direct calls, or programs."""
        self.talk = Conversation()
        self.answer: Any = None
        self.trouble = ""

    def model(self) -> FunctionModel:
        """Return it as a model of pydantic-ai's."""
        from pydantic_ai.models.function import FunctionModel

        return FunctionModel(stream_function=self._next)

    async def _next(
        self, messages: list[ModelMessage], info: AgentInfo
    ) -> AsyncGenerator[str | DeltaToolCalls]:
        from pydantic_ai.models.function import DeltaToolCall

        heard, returned = _texts(messages)
        definitions = {
            each.name: definition_text(each.name, each.description or "", each.parameters_json_schema)
            for each in info.function_tools
        }
        self.talk.hold(info.instructions or "", *definitions.values(), *heard)
        if any(each.value != text for each, text in zip(self._exchanges, returned, strict=False)):
            self.trouble = "a result was cut"
        self._exchanges = ()
        if (program := definitions.get("run_code")) is not None:
            calls = await self._program("typescript" if "TypeScript" in program else "python")
        else:
            calls = self._direct(definitions)
        if calls:
            self.talk.write(*(call_text(name, arguments) for name, arguments in calls))
            yield {
                number: DeltaToolCall(name, compact(arguments), tool_call_id=f"{self.talk.turns}-{number}")
                for number, (name, arguments) in enumerate(calls)
            }
        else:
            said = self.trouble or value_text(self.answer) or "nothing"
            self.talk.write(said)
            yield said

    async def _program(self, language: Language) -> list[_Call]:
        task, view = self._task, self._place.view
        code = task.python if language == "python" else task.typescript
        result = await view.run(code, language=language)
        if self._done:
            self.answer = result.value
            self.trouble = "" if result.error is None else f"{result.error.type}: {result.error.message}"
            return []
        called = dict.fromkeys((call.server, call.tool) for call in result.tool_calls)
        tools = list(called or dict.fromkeys(self._place.trajectory.tools))
        written = await view.written(tools, language)
        missing = [tool for tool, name in zip(tools, written, strict=True) if not self.talk.has_read(name)]
        if missing:
            return self._search(missing)
        self._done += 1
        return [("run_code", {"code": code})]

    def _direct(self, definitions: dict[str, str]) -> list[_Call]:
        trajectory = self._place.trajectory
        names = {(server, tool): f"{server}__{tool}".replace(".", "_") for server, tool in trajectory.tools}
        if missing := [tool for tool, name in names.items() if name not in definitions]:
            return self._search(missing)
        if self._done == len(trajectory.turns):
            self.answer = trajectory.answer
            return []
        self._exchanges = trajectory.turns[self._done]
        self._done += 1
        return [
            (names[each.call.server, each.call.tool], dict(each.call.arguments)) for each in self._exchanges
        ]

    def _search(self, missing: Sequence[tuple[str, str]]) -> list[_Call]:
        self._searches += 1
        if self._searches == 1:
            return [("search_tools", {"queries": list(self._task.queries)})]
        if self._searches == 2:
            return [
                ("search_tools", {"queries": [words(name)], "server": server}) for server, name in missing
            ]
        self.trouble = f"not found: {', '.join(f'{server}.{name}' for server, name in missing)}"
        return []


def _texts(messages: Sequence[ModelMessage]) -> tuple[list[str], list[str]]:
    """Return the texts of a conversation, and those that the last calls returned."""
    from pydantic_ai.messages import TextPart, ToolCallPart, ToolReturnPart, UserPromptPart

    heard: list[str] = []
    returned: list[str] = []
    for message in messages:
        returned = []
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                heard.append(call_text(part.tool_name, part.args_as_dict()))
            elif isinstance(part, TextPart | UserPromptPart | ToolReturnPart):
                heard.append(value_text(part.content))
                if isinstance(part, ToolReturnPart):
                    returned.append(heard[-1])
    return heard, returned
