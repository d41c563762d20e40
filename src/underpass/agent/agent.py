"""Carries out commands: chooses the way, falls back, and tells what it took."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio

from underpass.agent.backend import Backend
from underpass.agent.by_calls import ByCalls
from underpass.agent.by_programs import ByPrograms, GaveUp
from underpass.agent.call_log import CallLog
from underpass.agent.events import FellBack, OnEvent, ignore
from underpass.agent.flags import choose_within
from underpass.agent.model import Talker, open_model
from underpass.agent.outcome import AgentOutcome, Mode
from underpass.agent.past import past_results
from underpass.agent.talk import NoAnswer, Talk
from underpass.broker.approvals import Ask
from underpass.config import AgentSettings
from underpass.errors import ModelFailed, ValidationFailed, did_you_mean

if TYPE_CHECKING:
    from pydantic_ai.models import Model

MODES: Final[tuple[Mode, ...]] = ("auto", "python", "typescript", "direct")
_CLOSING: Final = 5.0
"""Seconds that connections may take to end."""


class CodeAgent:
    """Carries out commands with one model and the servers of one ``Underpass``.

    Parameters:
        up: what is connected. Its settings ``[agents.NAME]`` bound what follows.
        model: its name, ``PROVIDER:MODEL``, or a model of pydantic-ai's.
        mode: ``python`` or ``typescript`` for programs, ``direct`` for tool calls, ``auto`` to decide by the
            command, the tools and their earlier results (see ``mode.choose``).
        base_url: where the model is served, if not at its provider's own address.
        agent: whose workspace, policy, settings and journal it is.
        max_turns: requests to the model for one command, and as many again after a fallback.
        repairs: programs that may fail one after the other before the fallback.
        fallback: whether the model may call tools directly then, if the settings allow it.
        on_event: is shown what happens, as it happens.
        ask: awaited with a ``Question`` about each call of which the policy says that a person decides; by
            default nobody is asked.
        sleep: waits until a model may be asked again; seconds.

    Raises:
        ConfigError: the model's name or key is no good, or the extra ``agent`` is not installed.
        ValidationFailed: there is no such mode, or the agent's settings do not have it.
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
        on_event: OnEvent = ignore,
        ask: Ask | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        if mode not in MODES:
            close = did_you_mean(mode, MODES)
            raise ValidationFailed(
                f"there is no mode {mode!r:.40}",
                hint=f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(MODES)}",
            )
        flags = up.settings.agents.get(agent, AgentSettings())
        if mode not in {"auto", *flags.modes}:
            raise ValidationFailed(
                f"the agent {agent!r:.60} may not use the mode {mode!r}",
                hint=f"agents.{agent}.modes allows: {', '.join(flags.modes)}",
            )
        opened = open_model(model, base_url=base_url, state=up.state) if isinstance(model, str) else model
        self._mode: Mode = mode
        self._flags = flags
        self._means = _Means(
            up,
            Talker(opened, base_url=base_url, on_event=on_event, sleep=sleep),
            agent,
            max_turns,
            repairs,
            fallback and flags.fallback and "direct" in flags.modes,
            on_event,
            ask,
        )

    async def run(self, command: str) -> AgentOutcome:
        """Carry out one command. A command without an answer is an outcome, not an exception.

        Raises:
            ModelFailed: the model cannot be asked; ``data["runs"]`` has the ids of what had run by then.
            SandboxUnavailable, Overloaded: no sandbox is to be had.
        """
        means = self._means
        async with _connected(means.talker.model):
            mode, why = self._mode, "it was asked for"
            if mode == "auto":
                listings = await means.up.catalog.listings()
                past = partial(past_results, means.up)
                mode, why = await choose_within(self._flags, means.agent, command, listings, past)
            return await _Command(means, command, mode, why).carry_out()


@asynccontextmanager
async def _connected(model: Model) -> AsyncGenerator[None]:
    """Let the connections to a model end with the command, however that ends."""
    await model.__aenter__()
    try:
        yield
    finally:
        # Who is cancelled cannot wait for anything else.
        with anyio.move_on_after(_CLOSING, shield=True):
            await model.__aexit__(None, None, None)


@dataclass(frozen=True, slots=True)
class _Means:
    """What an agent was made with; see ``CodeAgent``."""

    up: Backend
    talker: Talker
    agent: str
    max_turns: int
    repairs: int
    fallback: bool
    on_event: OnEvent
    ask: Ask | None


class _Command:
    """One command on its way."""

    def __init__(self, means: _Means, command: str, mode: Mode, why: str) -> None:
        self._means = means
        self._command = command
        self._mode: Mode = mode
        self._why = why
        self._talk = Talk(means.talker)
        self._log = CallLog(means.on_event)
        self._programs: ByPrograms | None = None
        self._calls: ByCalls | None = None

    async def carry_out(self) -> AgentOutcome:
        try:
            if self._mode == "direct":
                answer = await self._directly(self._command)
            else:
                answer = await self._by_programs()
        except NoAnswer as error:
            return self._outcome(None, str(error))
        except ModelFailed as error:
            error.data["runs"] = [run.result.run for run in self._programs.runs] if self._programs else []
            raise
        return self._outcome(answer, self._why)

    async def _by_programs(self) -> str:
        means = self._means
        self._programs = ByPrograms(
            means.up,
            self._talk,
            self._log,
            agent=means.agent,
            language="typescript" if self._mode == "typescript" else "python",
            repairs=means.repairs,
            on_event=means.on_event,
            ask=means.ask,
        )
        try:
            return await self._programs.answer(self._command, means.max_turns)
        except GaveUp:
            if not means.fallback or not self._talk.can_call:
                raise
        self._why = f"programs in {self._mode} failed one after the other"
        self._mode = "direct"
        means.on_event(FellBack(self._why))
        return await self._directly(f"{self._command}\n\n{self._log.told()}".rstrip())

    async def _directly(self, command: str) -> str:
        means = self._means
        self._calls = ByCalls(means.up, self._talk, self._log, agent=means.agent, ask=means.ask)
        return await self._calls.answer(command, means.max_turns)

    def _outcome(self, answer: str | None, why: str) -> AgentOutcome:
        talk = self._talk
        return AgentOutcome(
            ok=answer is not None,
            answer=why if answer is None else answer,
            mode=self._mode,
            why=self._why,
            runs=() if self._programs is None else tuple(self._programs.runs),
            turns=talk.turns,
            tokens=talk.tokens,
            cost=talk.cost,
            calls=() if self._calls is None else tuple(self._calls.calls),
            messages=tuple(talk.transcript),
        )
