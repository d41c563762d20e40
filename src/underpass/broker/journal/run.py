"""One run in the journal: what is written of its calls, and when."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
import anyio.to_thread
import orjson

from underpass import errors
from underpass.broker.journal.entries import CallBegan, CallEnded, Result, RunEnded
from underpass.broker.journal.record import CallRecord, RunRecord, argument_digest
from underpass.broker.journal.replay import Replay
from underpass.broker.journal.store import Step
from underpass.errors import CallUnknown, RunDiverged, ToolError, ToolUnavailable, UnderpassError
from underpass.workspace.checkpoints.objects import ObjectStore

if TYPE_CHECKING:
    import sqlite3

INLINE: Final = 64 * 1024
"""Bytes of the largest result in the database; a larger one is a file."""
_SHOWN: Final = 4_096
"""Characters of a call's arguments that are kept to be looked at."""


class Writer(Protocol):
    """Where a run writes."""

    contents: Path
    """Where large results are."""
    host: str
    """This process, as ``Presence`` knows it."""
    boot: str

    def now(self, run: JournaledRun, step: Step) -> bool:
        """Write before returning; returns whether it could."""
        ...

    def ahead(self, run: JournaledRun, entry: CallBegan) -> bool:
        """Write where it outlives this process, before returning; returns whether it could."""
        ...

    def soon(self, run: JournaledRun, step: Step) -> None:
        """Write with what is written next, or in a millisecond."""
        ...

    def later(self, run: JournaledRun, step: Step) -> None:
        """Write with what is written next, or within a second."""
        ...


class JournaledRun:
    """The record of one run.

    Parameters:
        writer: writes.
        record: the run.
        number: its number in the journal, where it is there already.
        replay: its first life, where it is resumed.
        calls, events: how many of each the journal has by then.
        uncertain: whether the journal may have lost the last calls: the machine stopped.
        unattended: nobody waits for it; it has ended when its result is kept, by ``conclude``.
    """

    def __init__(
        self,
        writer: Writer,
        record: RunRecord,
        *,
        number: int | None = None,
        replay: Replay | None = None,
        calls: int = 0,
        events: int = 0,
        uncertain: bool = False,
        unattended: bool = False,
    ) -> None:
        self.writer = writer
        self.record = record
        self.replay = replay
        self.halted: UnderpassError | None = None
        """Why the run may make no more calls."""
        self.number = number
        self.there = number is not None
        """Whether the journal has a row of this run."""
        self.lost = False
        """Whether something of it could not be written, so that no more is."""
        self._calls = calls
        self._events = events
        self._uncertain = uncertain
        self._unattended = unattended
        self._ending: tuple[float, str] | None = None
        self._cancelled: list[JournaledCall] = []

    def claim(self, server: str, tool: str, arguments: Mapping[str, Any]) -> JournaledCall | None:
        """Return the recorded call that this one is, in a resumed run; None for a new one.

        Raises:
            RunDiverged, CallUnknown: the run has been stopped.
        """
        if self.halted is not None:
            raise self.halted
        self._note_cancelled()
        if self.replay is None:
            return None
        try:
            record = self.replay.claim(server, tool, argument_digest(arguments))
        except TypeError:
            return None
        return None if record is None else JournaledCall(self, record.sequence, record)

    def begin(
        self,
        server: str,
        tool: str,
        definition: str,
        arguments: Mapping[str, Any],
        encoded: bytes,
        *,
        idempotent: bool,
        digest: str = "",
    ) -> JournaledCall:
        """Record a call that is about to be sent; one that is not idempotent, before this returns.

        Parameters:
            digest: of the arguments, where it is known.

        Raises:
            RunDiverged: a resumed run makes another call than it did.
            CallUnknown: the journal may have lost this call.
            ToolUnavailable: the call cannot be recorded, and so must not be made.
        """
        if self.halted is not None:
            raise self.halted
        if self.replay is not None and (expected := self.replay.expected) is not None:
            self.halted = _diverged(expected, f"{server}.{tool}({_shown(encoded)})", server, tool)
            raise self.halted
        self._calls += 1
        call = JournaledCall(self, self._calls)
        shown = _shown(encoded)
        digest = digest or argument_digest(arguments)
        facts = (server, tool, definition, digest, shown, idempotent, self.event())
        began = call.began = CallBegan(self, call.sequence, facts)
        if idempotent:
            self.later(began)
            return call
        written = not self.lost and self.writer.ahead(self, began)
        if self._uncertain:
            self.halted = CallUnknown.of(
                self.record.run,
                [{"sequence": call.sequence, "server": server, "tool": tool, "arguments": shown}],
            )
            raise self.halted
        if not written and self.there:
            raise ToolUnavailable(
                f"{server}.{tool} was not called: the journal cannot be written",
                hint="is the disk full? A call that is not recorded could happen twice in a resumed run",
                server=server,
                tool=tool,
            )
        return call

    def appear(self) -> None:
        """Record the run before its first call, since it may wait for long."""
        if self.number is None:
            self.now(self._insert_run)

    def end(self, cause: str, *, spoke: bool) -> None:
        """Record how the run ended.

        Parameters:
            cause: ``ok``, or the type of its error.
            spoke: whether the program itself came to an end, with a value or an error.
        """
        if spoke:
            self._note_cancelled()
        ended = time.time()
        if self._unattended:
            self._ending = ended, cause
            return
        if self.number is None and not self._calls:
            self.later(lambda connection: self._insert_run(connection, ended, cause))
            return
        self.later(RunEnded(self, ended, cause))

    def conclude(self, result: bytes | None) -> None:
        """Record the end of an unattended run, with what it came to (as JSON), both or neither."""
        ending = self._ending or (time.time(), "Interrupted")

        def conclude(connection: sqlite3.Connection) -> None:
            if result is not None:
                connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?)", (self.number, result))
            RunEnded(self, *ending)(connection)

        self.now(conclude)

    def diverged_at_end(self) -> RunDiverged | None:
        """Return the error of a resumed run that has ended without the calls that it had made."""
        if self.halted is not None or self.replay is None or (expected := self.replay.expected) is None:
            return None
        return _diverged(expected, "no call at all: the program is over", "", "")

    def event(self) -> int:
        """Return the number of what happens now."""
        self._events += 1
        return self._events

    def now(self, step: Step) -> bool:
        """Write ``step`` before returning; returns whether it was written."""
        return not self.lost and self.writer.now(self, step)

    def later(self, step: Step) -> None:
        """Write ``step`` with what is written next."""
        if not self.lost:
            self.writer.later(self, step)

    def cancelled(self, call: JournaledCall) -> None:
        """Keep in mind that a call was given up: by the program if it goes on, else with all of the run."""
        self._cancelled.append(call)

    def _note_cancelled(self) -> None:
        for call in self._cancelled:
            self.later(call.ended(("cancelled", self.event(), None, None, None, None)))
        self._cancelled.clear()

    def _insert_run(
        self, connection: sqlite3.Connection, ended: float | None = None, cause: str | None = None
    ) -> None:
        run, digest = self.record, self.record.code_digest
        connection.execute("INSERT OR IGNORE INTO codes VALUES (?, ?)", (digest, run.code))
        self.number = connection.execute(
            "INSERT INTO runs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
            (
                run.run, run.begun, run.agent, run.language, run.environment, run.filename, run.timeout,
                run.max_tokens, run.check, run.rollback_on_error, digest, run.session, self.writer.host,
                self.writer.boot, ended, cause,
            ),
        ).lastrowid  # fmt: skip

    def number_in(self, connection: sqlite3.Connection) -> int:
        """Return the run's number, after making its row where there is none."""
        if self.number is None:
            self._insert_run(connection)
        assert self.number is not None
        return self.number


class JournaledCall:
    """One call of a run.

    Parameters:
        run: whose it is.
        sequence: which it is.
        record: what the journal has of it, where it is made again.
    """

    def __init__(self, run: JournaledRun, sequence: int, record: CallRecord | None = None) -> None:
        self._run = run
        self.sequence = sequence
        self.record = record
        """What the journal has of it; None where it is made for the first time."""
        self.began: CallBegan | None = None
        """What is noted of its beginning; None where that was in the run's first life."""

    @property
    def is_known(self) -> bool:
        """Whether the journal has its answer; it must be sent otherwise."""
        return self.record is not None and self.record.state != "in flight"

    async def answer(self) -> Any:
        """Return what the code was told the first time, when it is time for it. Raises ``ToolError``."""
        record, replay = self.record, self._run.replay
        assert record is not None
        assert replay is not None
        if record.state == "cancelled":
            # It had no answer. The program gives it up again, or its time ends.
            await anyio.sleep_forever()
        content: bytes | None = record.result
        if record.content is not None:
            content = await anyio.to_thread.run_sync(self._read, record.content)
        await replay.turn(record)
        if record.error is not None:
            raise _error(record.error)
        return None if content is None else orjson.loads(content)

    def may_wait(self, result: bytes) -> bool:
        """Whether ``end`` is enough to record a value, and the code can have it before."""
        return len(result) <= INLINE and self._run.replay is None

    def end(self, result: bytes) -> None:
        """Record the value; the next call that is not idempotent is recorded after it."""
        self._end("finished", result, None, 0, None)

    async def finished(self, result: bytes) -> None:
        """Record any value, and return when the code may have it."""
        if len(result) <= INLINE:
            self.end(result)
        else:
            digest: str | None = None
            try:
                digest = await anyio.to_thread.run_sync(self._keep, result)
            except OSError:
                self._run.lost = True  # without its result it is in flight for ever
            self._end("finished", None, digest, len(result), None)
        await self._wait()

    async def failed(self, error: ToolError) -> None:
        """Record the error, in the same way."""
        self._end("failed", None, None, 0, json.dumps(error.to_dict(), default=str))
        await self._wait()

    def cancelled(self) -> None:
        """Record that nobody waits for it any more."""
        self._run.cancelled(self)

    def _end(
        self, state: str, result: bytes | None, content: str | None, size: int, error: str | None
    ) -> None:
        run = self._run
        ended = self.ended((state, run.event(), result, content, size, error))
        if not run.lost:
            # The code is on its way meanwhile; the next call that changes something is written after this.
            run.writer.soon(run, ended)

    def ended(self, result: Result) -> CallEnded:
        """Return what is to be written of its end."""
        return CallEnded(self._run, self.sequence, result, self.began)

    async def _wait(self) -> None:
        if self._run.replay is not None:
            await self._run.replay.over()

    def _keep(self, content: bytes) -> str:
        # An object of its own: results of several calls are kept at once.
        store = ObjectStore(self._run.writer.contents)
        digest = store.put(content)
        store.settle()
        return digest

    def _read(self, digest: str) -> bytes:
        return ObjectStore(self._run.writer.contents).path(digest).read_bytes()


def _diverged(expected: CallRecord, found: str, server: str, tool: str) -> RunDiverged:
    return RunDiverged(
        f"the code does not do again what it did: call {expected.sequence} was {expected.server}."
        f"{expected.tool}({expected.arguments}), and now it makes {found}",
        hint="it depends on the time, on chance, or on files that have changed since; nothing more was "
        "called. `underpass runs show` has the calls that happened: run a program that does the rest",
        expected=expected.to_dict(),
        server=server,
        tool=tool,
    )


def _shown(encoded: bytes) -> str:
    return encoded[:_SHOWN].decode("utf-8", "replace")


def _error(told: Mapping[str, Any]) -> ToolError:
    data = dict(told)
    kind = getattr(errors, str(data.pop("type", "")), ToolError)
    message, hint = str(data.pop("message", "")), str(data.pop("hint", ""))
    if not (isinstance(kind, type) and issubclass(kind, ToolError)):
        kind = ToolError
    return kind(message, hint=hint, **data)
