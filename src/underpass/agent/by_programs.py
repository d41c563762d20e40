"""A command carried out by programs: written, run, mended, and answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from underpass.adapters.reading import error_text
from underpass.agent.backend import Backend
from underpass.agent.call_log import CallLog
from underpass.agent.events import OnEvent, RunBegan, RunEnded
from underpass.agent.outcome import AgentRun
from underpass.agent.program_text import find_program
from underpass.agent.prompt import code_prompt
from underpass.agent.talk import Heard, NoAnswer, Talk, arguments_of, whole
from underpass.agent.toolbox import Finder, run_code
from underpass.broker.approvals import Ask
from underpass.codegen.calls import Language
from underpass.errors import UnderpassError
from underpass.execution.result import RunResult
from underpass.execution.shape import compact

if TYPE_CHECKING:
    from pydantic_ai.messages import ToolCallPart

_PROMISE: Final = re.compile(
    r"\W*(i\W?ll|i will|i am going to|i\W?m going to|let me|let\W?s|first,? i)\b", re.IGNORECASE
)
"""How weak models begin to tell what they would do, in place of doing it."""


class GaveUp(NoAnswer):
    """Too many programs failed one after the other."""


class ByPrograms:
    """One command's way to an answer by programs.

    Parameters:
        up: runs them.
        talk: with the model.
        log: knows the calls that they make.
        agent: whose workspace, policy and journal it is.
        language: of the programs.
        repairs: how many may fail one after the other.
        on_event: is shown them.
        ask: asks a person about calls.
    """

    def __init__(
        self,
        up: Backend,
        talk: Talk,
        log: CallLog,
        *,
        agent: str,
        language: Language,
        repairs: int,
        on_event: OnEvent,
        ask: Ask | None,
    ) -> None:
        self._up = up
        self._talk = talk
        self._log = log
        self._agent = agent
        self._language: Language = language
        self._repairs = repairs
        self._on_event = on_event
        self._ask = ask
        self._finder = Finder(up.directory, up.catalog.names, language)
        self._failures = 0
        self._failing: set[str] = set()
        """Programs that failed since one went well."""
        self._was_reminded = False
        self.runs: list[AgentRun] = []

    async def answer(self, command: str, max_turns: int) -> str:
        """Return the model's answer.

        Raises:
            NoAnswer: it refuses, or took too many turns; ``GaveUp`` when too many programs failed.
            ModelFailed: it cannot be asked.
            SandboxUnavailable, Overloaded: no sandbox is to be had.
        """
        up, talk = self._up, self._talk
        discovery = up.settings.discovery
        talk.begin(await code_prompt(up.catalog, up.directory, command, self._language, discovery), command)
        tools = [run_code(self._language), *self._finder.definitions()]
        while talk.turns < max_turns:
            heard = await talk.ask(tools)
            if heard.calls:
                talk.answer([(call, await self._function(call, heard)) for call in heard.calls])
            elif (said := await self._text(heard)) is None:
                return heard.text
            else:
                talk.say(said)
            if self._failures > self._repairs:
                raise GaveUp("too many programs failed one after the other")
        raise NoAnswer(f"the model gave no answer in {talk.turns} turns")

    async def _text(self, heard: Heard) -> str | None:
        """Return what the model is told about words without a call; None where they are the answer."""
        program = find_program(heard.text, self._language)
        if heard.was_cut:
            # Half a program must not run.
            return self._failed("Your message was cut off: it was too long. Write less.")
        if program is None:
            if not heard.text:
                return self._failed("You wrote nothing. Write a program, or the answer.")
            if self.runs or self._was_reminded or not _PROMISE.match(heard.text):
                return None
            self._was_reminded = True
            return "Write the program now. If that was your answer, repeat it."
        if any(run.code.strip() == program.code.strip() and run.result.ok for run in self.runs):
            return None  # it shows what it did
        if program.language != self._language:
            return self._failed(f"That is {program.language}. Write the program in {self._language}.")
        return await self._program(program.code)

    def _failed(self, said: str) -> str:
        self._failures += 1
        return said

    async def _function(self, call: ToolCallPart, heard: Heard) -> str:
        arguments = arguments_of(call)
        if arguments is None:
            why = "they were cut off. Write less" if heard.was_cut else "write them again"
            return self._failed(f"the arguments are no JSON object: {why}")
        if call.tool_name == "run_code":
            code = arguments.get("code")
            code = whole(code) if isinstance(code, str) else None
            return (
                await self._program(code) if code is not None else self._failed("give the program as `code`")
            )
        if call.tool_name not in {each.name for each in self._finder.definitions()}:
            return self._failed(
                f"there is no function {call.tool_name!r:.80}: call tools from a program, with run_code"
            )
        try:
            return await self._finder.answer(call.tool_name, arguments)
        except UnderpassError as error:
            return error_text(error)

    async def _program(self, code: str) -> str:
        """Run a program; returns what the model reads of its result."""
        if code.strip() in self._failing:
            return self._failed("That is the program that failed before, so it was not run again. Change it.")
        number, calls = len(self.runs) + 1, len(self._log)
        self._on_event(RunBegan(number, code, self._language))
        result = await self._up.run(
            code, agent=self._agent, language=self._language, on_call=self._log.began, ask=self._ask
        )
        self.runs.append(AgentRun(code, result))
        self._on_event(RunEnded(number, result))
        if result.ok:
            self._failures = 0
            self._failing.clear()
        else:
            self._failures += 1
            self._failing.add(code.strip())
        return _shown(result, {} if result.ok else self._log.happened(calls))


def _shown(result: RunResult, happened: dict[str, Sequence[str]]) -> str:
    """Return what a model reads of a run: its value alone where there is nothing else to say."""
    shown: dict[str, Any] = {name: text for name in ("stdout", "stderr") if (text := getattr(result, name))}
    if result.error is None:
        return compact({"value": result.value, **shown} if shown else result.value)
    return compact({**shown, "error": result.error.to_dict(), **happened})
