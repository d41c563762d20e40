"""Carries out commands: chooses the way, falls back, and tells what it took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import anyio

from underpass.agent.backend import Backend
from underpass.agent.by_calls import ByCalls
from underpass.agent.by_programs import ByPrograms, OnRun
from underpass.agent.mode import choose
from underpass.agent.model import OnText, Talker, open_model
from underpass.agent.outcome import AgentOutcome, Mode
from underpass.agent.talk import Talk
from underpass.errors import ModelFailed, ValidationFailed, did_you_mean

if TYPE_CHECKING:
    from pydantic_ai.models import Model

MODES: Final[tuple[Mode, ...]] = ("auto", "python", "typescript", "direct")


class CodeAgent:
    """Carries out commands with one model and the servers of one ``Underpass``.

    Parameters:
        up: what is connected.
        model: its name, ``PROVIDER:MODEL``, or a model of pydantic-ai's.
        mode: ``python`` or ``typescript`` for programs, ``direct`` for tool calls, ``auto`` to decide by the
            command and the tools (see ``mode.choose``).
        base_url: where the model is served, if not at its provider's own address.
        agent: whose workspace, policy and journal it is.
        max_turns: requests to the model for one command, and as many again after a fallback.
        repairs: programs that may fail one after the other before the fallback.
        fallback: whether the model may call tools directly then.
        on_text: is shown what the model writes, as it comes.
        on_run: is shown each program, and its result.
        sleep: waits until a model may be asked again; seconds.

    Raises:
        ConfigError: the model's name or key is no good, or the extra ``agent`` is not installed.
        ValidationFailed: there is no such mode.
    """

    def __init__(
        self,
        up: Backend,
        model: str | Model,
        *,
        mode: Mode = "auto",
        base_url: str | None = None,
        agent: str = "default",
        max_turns: int = 16,
        repairs: int = 3,
        fallback: bool = True,
        on_text: OnText | None = None,
        on_run: OnRun | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        if mode not in MODES:
            close = did_you_mean(mode, MODES)
            raise ValidationFailed(
                f"there is no mode {mode!r:.40}",
                hint=f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(MODES)}",
            )
        opened = open_model(model, base_url=base_url, state=up.state) if isinstance(model, str) else model
        self._talker = Talker(opened, on_text=on_text, sleep=sleep)
        self._up = up
        self._mode: Mode = mode
        self._agent = agent
        self._max_turns = max_turns
        self._repairs = repairs
        self._fallback = fallback
        self._on_run = on_run

    async def run(self, command: str) -> AgentOutcome:
        """Carry out one command. A command without an answer is an outcome, not an exception.

        Raises:
            ModelFailed: the model cannot be asked; ``data["runs"]`` has the ids of what had run by then.
        """
        async with self._talker.model:  # its connections end with the command
            return await self._run(command)

    async def _run(self, command: str) -> AgentOutcome:
        mode, why = self._mode, "it was asked for"
        if mode == "auto":
            mode, why = choose(command, await self._up.catalog.listings())
        talk = Talk(self._talker)
        if mode in {"auto", "direct"}:
            return await self._directly(talk, command, why)
        programs = ByPrograms(
            self._up,
            talk,
            agent=self._agent,
            language="typescript" if mode == "typescript" else "python",
            repairs=self._repairs,
            on_run=self._on_run,
        )
        try:
            answer = await programs.answer(command, self._max_turns)
            if answer is None and programs.gave_up and self._fallback:
                command = f"{command}\n\n{programs.happened()}".rstrip()
                return await self._directly(
                    talk, command, f"programs in {mode} failed one after the other", programs
                )
        except ModelFailed as error:
            error.data["runs"] = [run.result.run for run in programs.runs]
            raise
        if answer is None:
            gave_up = "too many programs failed one after the other"
            why = gave_up if programs.gave_up else _too_long(talk.turns)
        return _outcome(talk, answer, mode, why, programs=programs)

    async def _directly(
        self, talk: Talk, command: str, why: str, programs: ByPrograms | None = None
    ) -> AgentOutcome:
        calls = ByCalls(self._up, talk, agent=self._agent)
        answer = await calls.answer(command, self._max_turns)
        if answer is None:
            why = _too_long(talk.turns)
        return _outcome(talk, answer, "direct", why, programs=programs, calls=calls)


def _too_long(turns: int) -> str:
    return f"the model gave no answer in {turns} turns"


def _outcome(
    talk: Talk,
    answer: str | None,
    mode: Mode,
    why: str,
    *,
    programs: ByPrograms | None = None,
    calls: ByCalls | None = None,
) -> AgentOutcome:
    return AgentOutcome(
        ok=answer is not None,
        answer=why if answer is None else answer,
        mode=mode,
        why=why,
        runs=() if programs is None else tuple(programs.runs),
        turns=talk.turns,
        tokens=talk.tokens,
        cost=talk.cost,
        calls=() if calls is None else tuple(calls.calls),
        messages=tuple(talk.messages),
    )
