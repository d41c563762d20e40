"""The runs that the service has been asked for: those that go on, and what the last ones came to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import anyio
import orjson

from underpass.background import Background
from underpass.broker.approvals import Answer, Person, Question
from underpass.broker.journal import RunRecord
from underpass.catalog.elicitation import Filled, Form
from underpass.errors import Cancelled, Overloaded, UnderpassError
from underpass.execution.host import CallOutcome, OnProgress
from underpass.execution.result import RunResult
from underpass.server.tenancy.events import RunEvents
from underpass.server.tenancy.notes import Notes

_KEPT: Final = 2_000
_KEPT_BYTES: Final = 64 * 1_048_576
_LOOK: Final = 0.3
"""Seconds between two looks for what other processes want to be ended."""
_STATES: Final[Mapping[bool | None, str]] = {True: "ok", False: "failed", None: "unknown"}
_UNEXPECTED: Final = "the run failed for a reason of the service's own"


class DeskRun:
    """One run. It goes on whoever listens.

    Parameters:
        record: what the journal has of it.
        shown: the agent's name outside.
        person: is asked about its calls; None where only those are who follow it.
        on_progress: awaited with what its program reports, beside those who follow it.
    """

    def __init__(
        self,
        record: RunRecord,
        shown: str,
        *,
        person: Person | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.record = record
        self.is_written = True
        """Whether the journal has it."""
        self.run = record.run
        self.agent = record.agent
        """By its name inside."""
        self._shown = shown
        self._person = person
        self._on_progress = on_progress
        self._calls = 0
        self.events = RunEvents()
        self.scope = anyio.CancelScope()
        self.done = anyio.Event()
        self.answer: bytes | None = None
        """The result as JSON, once there is one."""
        self.ok = False
        self._listening: set[anyio.CancelScope] = set()
        self.failure: UnderpassError | None = None
        """Why there is none."""

    def shown(self) -> dict[str, Any]:
        """What a run came to that has ended, its error if it has no result."""
        return _failed(self) if self.answer is None else orjson.loads(self.answer)

    async def wait(self) -> bytes:
        """Return the result as JSON. Raises ``UnderpassError`` where the run did not come to one."""
        await self.done.wait()
        if self.failure is not None:
            raise self.failure
        assert self.answer is not None
        return self.answer

    @contextmanager
    def ending(self, scope: anyio.CancelScope) -> Generator[None]:
        """Have the end of the run cancel ``scope``, for as long as this context is open."""
        if self.done.is_set():
            scope.cancel()
        self._listening.add(scope)
        try:
            yield
        finally:
            self._listening.discard(scope)

    def end(self) -> None:
        """Tell whoever waits that it has ended."""
        self.done.set()
        for scope in self._listening:
            scope.cancel()

    async def progress(self, value: float, total: float | None, message: str | None) -> None:
        """Pass on how far the program is."""
        self.events.add("progress", {"progress": value, "total": total, "message": message})
        if self._on_progress is not None:
            await self._on_progress(value, total, message)

    async def ask(self, question: Question) -> Answer | None:
        """Tell listeners of a question, and wait: whoever may answer it does so at another route."""
        self.events.add("question", question.to_dict() | {"agent": self._shown})
        if self._person is not None:
            return await self._person.ask(question)
        await anyio.sleep_forever()
        return None

    async def fill(self, form: Form) -> Filled:
        """Have a server's form filled in, where there is a person."""
        return "cancel" if self._person is None else await self._person.fill(form)

    def call(self, server: str, tool: str, _arguments: Mapping[str, Any]) -> CallOutcome:
        """Tell listeners of a call, and of its end."""
        self._calls += 1
        call = {"call": self._calls, "server": server, "tool": tool}
        self.events.add("call", {**call, "state": "begun"})
        return lambda ok: self.events.add("call", {**call, "state": _STATES[ok]})


Work = Callable[[DeskRun], Awaitable[RunResult]]
"""Does a run, and tells it what happens."""


class RunDesk(Background):
    """Starts runs, cancels them, and keeps what they came to for a while.

    Parameters:
        notes: what other processes want of this one.
        most: runs at once; more are refused.
        grace: seconds that runs have to finish when it is closed. What has not is ended, and can be resumed.
    """

    def __init__(self, notes: Notes, *, most: int, grace: float) -> None:
        self._notes = notes
        self._most = most
        self._grace = grace
        self._active: dict[str, DeskRun] = {}
        self._ended: OrderedDict[str, DeskRun] = OrderedDict()
        self._bytes = 0
        self.is_closing = False
        """Whether it takes no more runs."""

    @property
    def active(self) -> int:
        """How many runs go on."""
        return len(self._active)

    async def _work(self) -> None:
        self._notes.open()
        while True:
            await anyio.sleep(_LOOK)
            for run in self._notes.take() if self._active else ():
                self.cancel(run)

    async def _finish(self) -> None:
        self._notes.close()

    def start(self, begun: DeskRun, work: Work) -> None:
        """Start a run. Raises ``Overloaded``."""
        if self.is_closing or len(self._active) >= self._most:
            what = (
                "the service is closing"
                if self.is_closing
                else f"runs under way: {self._most:,}, and no more are taken"
            )
            raise Overloaded(what, hint="try again in a second", retry_after=1.0)
        self._forget(begun.run)
        self._active[begun.run] = begun
        self._tasks.start_soon(self._do, begun, work)

    def find(self, run: str) -> DeskRun | None:
        """Return a run that goes on, or that ended a while ago."""
        return self._active.get(run) or self._ended.get(run)

    def going(self) -> list[DeskRun]:
        """Return the runs that go on, the youngest first."""
        return list(self._active.values())[::-1]

    def is_active(self, run: str) -> bool:
        """Whether a run goes on here."""
        return run in self._active

    def cancel(self, run: str) -> bool:
        """End a run; returns whether it went on."""
        found = self._active.get(run)
        if found is not None:
            found.scope.cancel()
        return found is not None

    async def close(self) -> None:
        """Take no more runs, and let those that go on finish."""
        self.is_closing = True
        with anyio.move_on_after(self._grace):
            for each in list(self._active.values()):
                await each.done.wait()

    async def _do(self, run: DeskRun, work: Work) -> None:
        run.events.add("started", {"run": run.run})
        try:
            with run.scope:
                result = await work(run)
                run.answer = orjson.dumps(result.to_dict() | _handle(result), default=str)
                run.ok = result.ok
            if run.scope.cancelled_caught:
                run.failure = Cancelled(
                    f"run {run.run} was cancelled",
                    hint=f"POST /api/runs/{run.run}/resume continues it",
                    run=run.run,
                )
        except UnderpassError as error:
            run.failure = error
        except Exception as error:  # noqa: BLE001 - the others go on
            run.failure = UnderpassError(_UNEXPECTED, cause=type(error).__name__)
        finally:
            if run.answer is None and run.failure is None:
                run.failure = Cancelled("the service ended before the run did", run=run.run)
            del self._active[run.run]
            self._keep(run)
            run.end()
            run.events.add("ended", run.answer or orjson.dumps(_failed(run), default=str))
            run.events.close()

    def _keep(self, run: DeskRun) -> None:
        self._ended[run.run] = run
        self._bytes += len(run.answer or b"")
        while len(self._ended) > _KEPT or self._bytes > _KEPT_BYTES:
            self._forget(next(iter(self._ended)))

    def _forget(self, run: str) -> None:
        if (found := self._ended.pop(run, None)) is not None:
            self._bytes -= len(found.answer or b"")


def _handle(result: RunResult) -> dict[str, Any]:
    """What a client has to know to get a value that was cut."""
    return {"truncated": True, "handle": result.handle} if result.truncated else {}


def _failed(run: DeskRun) -> dict[str, Any]:
    assert run.failure is not None
    return {"run": run.run, "ok": False, "error": run.failure.to_dict()}
