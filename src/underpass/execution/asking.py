"""How the person who watches over one run is asked, and how that run waits."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from underpass.broker.approvals import Answer, Ask, Question
from underpass.broker.journal import JournaledRun
from underpass.execution.clock import Clock


class OutsideAsker:
    """The ``Asker`` of a call from outside of any program: no clock has to stand.

    Parameters:
        ask: puts a question to the person.
    """

    attended = True

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def ask(self, question: Question) -> Answer | None:
        """Return the person's answer, or None where nobody can be asked."""
        return await self._ask(question)

    def paused(self) -> AbstractAsyncContextManager[object]:
        """Return a context that does nothing."""
        return nullcontext()


class RunAsker:
    """The ``Asker`` of a run.

    Parameters:
        ask: puts a question to the person; None where nobody is there.
        clock: the run's; it stands while the person thinks.
        journal: remembers the run, so that it can be resumed when its process dies meanwhile.
    """

    def __init__(self, ask: Ask | None, clock: Clock, journal: JournaledRun) -> None:
        self._ask = ask
        self._clock = clock
        self._journal = journal

    @property
    def attended(self) -> bool:
        """Whether there may be somebody to ask."""
        return self._ask is not None

    async def ask(self, question: Question) -> Answer | None:
        """Return the person's answer, or None where nobody can be asked."""
        return None if self._ask is None else await self._ask(question)

    @asynccontextmanager
    async def paused(self) -> AsyncGenerator[None]:
        """Let the run's clock stand."""
        self._journal.appear()
        async with self._clock.paused():
            yield
