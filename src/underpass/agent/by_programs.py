"""A command carried out by programs: written, run, mended, and answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from underpass.agent.backend import Backend
from underpass.agent.outcome import AgentRun
from underpass.agent.program_text import find_program
from underpass.agent.prompt import code_prompt
from underpass.agent.talk import Talk, arguments_of
from underpass.agent.toolbox import Finder, run_code, told
from underpass.codegen.calls import Language
from underpass.errors import UnderpassError
from underpass.execution.result import RunResult
from underpass.execution.shape import compact

if TYPE_CHECKING:
    from pydantic_ai.messages import ToolCallPart

_CALLS_SHOWN: Final = 20

OnRun = Callable[[str, RunResult | None], None]
"""Is shown each program before it runs, and with its result afterwards."""


class ByPrograms:
    """One command's way to an answer by programs.

    Parameters:
        up: runs them.
        talk: with the model.
        agent: whose workspace, policy and journal it is.
        language: of the programs.
        repairs: how many may fail one after the other.
        on_run: is shown them.
    """

    def __init__(
        self, up: Backend, talk: Talk, *, agent: str, language: Language, repairs: int, on_run: OnRun | None
    ) -> None:
        self._up = up
        self._talk = talk
        self._agent = agent
        self._language: Language = language
        self._repairs = repairs
        self._on_run = on_run
        self._finder = Finder(up.directory, up.catalog.names, language)
        self._failures = 0
        self.runs: list[AgentRun] = []

    @property
    def gave_up(self) -> bool:
        """Whether too many programs have failed one after the other."""
        return self._failures > self._repairs

    async def answer(self, command: str, max_turns: int) -> str | None:
        """Return the model's answer, or None: it gave up, or took too many turns. Raises ``ModelFailed``."""
        up, talk = self._up, self._talk
        discovery = up.settings.discovery
        talk.begin(await code_prompt(up.catalog, up.directory, command, self._language, discovery), command)
        tools = [run_code(self._language), *self._finder.definitions()]
        while talk.turns < max_turns and not self.gave_up:
            response = await talk.ask(tools)
            text = (response.text or "").strip()
            if called := response.tool_calls:
                talk.answer([(call, await self._function(call)) for call in called])
            elif (program := find_program(text, self._language)) is None:
                if text:
                    return text
                self._failures += 1
                talk.say("You wrote nothing. Write a program, or the answer.")
            elif program.language != self._language:
                self._failures += 1
                talk.say(f"That is {program.language}. Write the program in {self._language}.")
            else:
                talk.say(await self._program(program.code))
        return None

    def happened(self) -> str:
        """Tell a model that goes on without programs what they have done; nothing where they did nothing."""
        counted = Counter(
            f"{call.server}.{call.tool}" for run in self.runs for call in run.result.tool_calls if call.ok
        )
        if not counted:
            return ""
        shown = ", ".join(f"{name} ({count} times)" if count > 1 else name for name, count in counted.items())
        return (
            f"Programs were tried and failed, but they called: {shown}. What that changed has changed; "
            "do not do it again."
        )

    async def _function(self, call: ToolCallPart) -> str:
        arguments = arguments_of(call)
        if arguments is None:
            return "the arguments are no JSON object"
        if call.tool_name == "run_code":
            code = arguments.get("code")
            return await self._program(code) if isinstance(code, str) else "give the program as `code`"
        if call.tool_name not in {each.name for each in self._finder.definitions()}:
            return f"there is no function {call.tool_name!r:.80}: call tools from a program, with run_code"
        try:
            return await self._finder.answer(call.tool_name, arguments)
        except UnderpassError as error:
            return told(error)

    async def _program(self, code: str) -> str:
        """Run a program; returns what the model reads of its result."""
        if any(run.code == code and not run.result.ok for run in self.runs):
            self._failures += 1
            return "That is the program that failed before, so it was not run again. Change it."
        if self._on_run is not None:
            self._on_run(code, None)
        result = await self._up.run(code, agent=self._agent, language=self._language)
        self.runs.append(AgentRun(code, result))
        if self._on_run is not None:
            self._on_run(code, result)
        self._failures = 0 if result.ok else self._failures + 1
        return _shown(result)


def _shown(result: RunResult) -> str:
    """Return what a model reads of a run: its value alone where there is nothing else to say."""
    shown: dict[str, Any] = {name: text for name in ("stdout", "stderr") if (text := getattr(result, name))}
    if result.error is None:
        return compact({"value": result.value, **shown} if shown else result.value)
    shown["error"] = result.error.to_dict()
    done = [f"{call.server}.{call.tool}" for call in result.tool_calls if call.ok]
    if more := len(done) - _CALLS_SHOWN:
        done = [*done[:_CALLS_SHOWN], f"and {more} more"] if more > 0 else done
    if done:
        shown["called before it failed"] = done
    return compact(shown)
