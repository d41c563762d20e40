"""How the person who watches over one run is asked, and how that run waits."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final

import anyio

from underpass.broker.approvals import Answer, Ask, OnlyAsked, Person, Question
from underpass.broker.journal import JournaledRun
from underpass.catalog.elicitation import Filled, Form
from underpass.execution.clock import Clock

_FORM_SECONDS: Final = 300.0
"""How long a person has to tell a server what it wants to know."""
_LOG: Final = logging.getLogger("underpass.approvals")


class OutsideAsker:
    """The ``Asker`` of a call from outside of any program: no clock has to stand.

    Parameters:
        ask: the person.
    """

    attended = True

    def __init__(self, ask: Ask) -> None:
        self._person = _person(ask)

    async def ask(self, question: Question) -> Answer | None:
        """Return the person's answer, or None where nobody can be asked."""
        return await self._person.ask(question)

    async def fill(self, form: Form) -> Filled:
        """Return what a server wants to know."""
        return await _filled(self._person, form)

    def paused(self) -> AbstractAsyncContextManager[object]:
        """Return a context that does nothing."""
        return nullcontext()


class RunAsker:
    """The ``Asker`` of a run.

    Parameters:
        ask: the person; None where nobody is there.
        clock: the run's; it stands while the person thinks.
        journal: remembers the run, so that it can be resumed when its process dies meanwhile.
    """

    def __init__(self, ask: Ask | None, clock: Clock, journal: JournaledRun) -> None:
        self._person = None if ask is None else _person(ask)
        self._clock = clock
        self._journal = journal

    @property
    def attended(self) -> bool:
        """Whether there may be somebody to ask."""
        return self._person is not None

    async def ask(self, question: Question) -> Answer | None:
        """Return the person's answer, or None where nobody can be asked."""
        return None if self._person is None else await self._person.ask(question)

    async def fill(self, form: Form) -> Filled:
        """Return what a server wants to know, with the clock standing meanwhile."""
        if self._person is None:
            return "cancel"
        async with self.paused():
            return await _filled(self._person, form)

    @asynccontextmanager
    async def paused(self) -> AsyncGenerator[None]:
        """Let the run's clock stand."""
        self._journal.appear()
        async with self._clock.paused():
            yield


def _person(ask: Ask) -> Person:
    return OnlyAsked(ask) if callable(ask) else ask


async def _filled(person: Person, form: Form) -> Filled:
    with anyio.move_on_after(_FORM_SECONDS):
        try:
            return await person.fill(form)
        except Exception:  # noqa: BLE001 - as for questions about calls
            _LOG.exception("a server's question could not be asked")
    return "cancel"
