"""Underpass as most people use it: `underpass serve`, asked by a client over MCP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcp import Client
from mcp_types import TextContent

from underpass.bench.answers import is_expected
from underpass.bench.conversation import Conversation, Spent, call_text, definition_text, value_text
from underpass.bench.missing import words
from underpass.bench.place import Place
from underpass.bench.task import Task
from underpass.codegen.calls import Language
from underpass.sandbox import deno_binary
from underpass.server.facade import facade


class Serve:
    """Searches where not all tools are named, runs one program, and answers.

    Parameters:
        language: of the programs.
    """

    def __init__(self, language: Language) -> None:
        self._language: Language = language
        self.name = language

    async def carry_out(self, task: Task, place: Place) -> Spent:
        """Talk to the facade: every text is its own."""
        view = place.view
        code = task.python if self._language == "python" else task.typescript
        result = await view.run(code, language=self._language)
        called = {(call.server, call.tool): None for call in result.tool_calls}
        tools = list(called or dict.fromkeys(place.trajectory.tools))
        # Where all tools are named, they are named as in Python, and TypeScript is told of as camel case.
        written = [await view.written(tools, language) for language in ("python", self._language)]
        needed = {tool: names for tool, *names in zip(tools, *written, strict=True)}
        server = facade(view, settings=view.settings.discovery, typescript=deno_binary.is_installed())
        async with Client(server) as client:
            asked = _Asked(client, self._language)
            talk = asked.talk
            listed = (await client.list_tools()).tools
            talk.read(
                client.instructions or "",
                *(definition_text(each.name, each.description or "", each.input_schema) for each in listed),
            )
            finding = talk.context
            talk.read(task.command)

            def missing() -> list[tuple[str, str]]:
                return [tool for tool, names in needed.items() if not any(map(talk.has_read, names))]

            if missing():
                finding += await asked.turn(("search_tools", {"queries": list(task.queries)}))
            if again := missing():
                searches = [
                    ("search_tools", {"query": words(name), "server": owner}) for owner, name in again
                ]
                await asked.turn(*searches)
            if lost := missing():
                return talk.spent(correct=False, note=f"not found: {lost}")
            await asked.turn(("run_code", {"code": code}))
        talk.write(value_text(result.value))
        note = "" if result.error is None else f"{result.error.type}: {result.error.message}"
        spent = talk.spent(correct=result.ok and is_expected(task, result.value), note=note)
        return replace(spent, finding=finding, seconds=result.duration.total / 1e3)


class _Asked:
    """A client's conversation with the facade."""

    def __init__(self, client: Client, language: Language) -> None:
        self._client = client
        self._more = {} if language == "python" else {"language": language}
        self.talk = Conversation()

    async def turn(self, *calls: tuple[str, Mapping[str, Any]]) -> int:
        """Make the calls of one turn; returns the tokens of their answers."""
        asked: Sequence[tuple[str, dict[str, Any]]] = [
            (name, {**arguments, **self._more}) for name, arguments in calls
        ]
        self.talk.write(*(call_text(name, arguments) for name, arguments in asked))
        before = self.talk.context
        for name, arguments in asked:
            answer = await self._client.call_tool(name, arguments)
            self.talk.read(*(block.text for block in answer.content if isinstance(block, TextContent)))
        return self.talk.context - before
