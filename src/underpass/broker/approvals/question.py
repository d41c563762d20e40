"""A question to a person about one call, and what asks it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from underpass.catalog.elicitation import Filled, Form

Answer = Literal["once", "run", "always", "refuse"]
"""``once``: this call; ``run``: this tool for the rest of the run; ``always``: a rule is written."""


def one_line(text: str) -> str:
    """Return a text as one line, with whatever does not show written out."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a call may be made."""

    id: str
    """What the answer names; chance, so that nobody guesses it."""
    run: str
    """The run's id; empty for a call from outside of any program."""
    agent: str
    server: str
    tool: str
    arguments: str
    """The arguments as JSON, the beginning of it where they are long; they may say anything."""
    reason: str
    """Why it is asked."""
    rule: str
    """What decided that it is asked."""

    def text(self) -> str:
        """The question for a person, as two lines: nothing in them can look like a third."""
        name = f"{self.server}.{self.tool}"
        return (
            f"{one_line(name)} asks for permission: {one_line(self.reason)} ({one_line(self.rule)})\n"
            f"arguments: {one_line(self.arguments)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The question as one JSON object."""
        return {
            "id": self.id,
            "run": self.run,
            "agent": self.agent,
            "server": self.server,
            "tool": self.tool,
            "arguments": self.arguments,
            "reason": self.reason,
            "rule": self.rule,
        }


class Person(Protocol):
    """Somebody who can be asked."""

    async def ask(self, question: Question) -> Answer | None:
        """Return the answer, or None where nobody can be asked. It may be cancelled."""
        ...

    async def fill(self, form: Form) -> Filled:
        """Return what a server wants to know. It may be cancelled."""
        ...


AskFunction = Callable[[Question], Awaitable[Answer | None]]
Ask = AskFunction | Person
"""A person, or what puts only the questions about calls to one."""


class OnlyAsked:
    """A person who answers questions about calls, by a function, and none of a server's own."""

    def __init__(self, ask: AskFunction) -> None:
        self._ask = ask

    async def ask(self, question: Question) -> Answer | None:
        """Return what the function returns."""
        return await self._ask(question)

    async def fill(self, form: Form) -> Filled:  # noqa: ARG002 - the protocol fixes it
        """Decide nothing."""
        return "cancel"


class Asker(Protocol):
    """How the person is reached who watches over one run, and how that run waits meanwhile."""

    @property
    def attended(self) -> bool:
        """Whether there may be somebody to ask."""
        ...

    async def ask(self, question: Question) -> Answer | None:
        """Return the person's answer, or None where nobody can be asked. It may be cancelled."""
        ...

    async def fill(self, form: Form) -> Filled:
        """Return what a server wants to know, with the run's clock standing meanwhile."""
        ...

    def paused(self) -> AbstractAsyncContextManager[object]:
        """Let the run's clock stand, and the run be remembered, for as long as the context is open."""
        ...


@dataclass(eq=False)
class PreparedAnswers:
    """An asker in memory, which gives the answers that it was given, one after the other."""

    answers: list[Answer | None] = field(default_factory=list[Answer | None])
    """None, or no answer left: nobody can be asked."""
    asked: list[Question] = field(default_factory=list[Question])
    attended: bool = True

    async def ask(self, question: Question) -> Answer | None:
        """Return the next answer."""
        self.asked.append(question)
        return self.answers.pop(0) if self.answers else None

    async def fill(self, form: Form) -> Filled:  # noqa: ARG002 - the protocol fixes it
        """Decide nothing."""
        return "cancel"

    def paused(self) -> AbstractAsyncContextManager[object]:
        """Return a context that does nothing: there is no clock."""
        return nullcontext()
