"""The journal of one process: begins runs, resumes them, and writes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
import orjson

from underpass.background import Background
from underpass.broker.journal.ahead import AheadLog
from underpass.broker.journal.entries import ENTRIES, CallBegan, CallEnded, line_of
from underpass.broker.journal.presence import boot
from underpass.broker.journal.record import RESUMABLE, CallRecord, RunRecord
from underpass.broker.journal.replay import Decisions, Replay
from underpass.broker.journal.run import JournaledRun
from underpass.broker.journal.store import HOSTS, JournalStore, Step
from underpass.config import JournalSettings
from underpass.errors import CallUnknown, ValidationFailed
from underpass.workspace.checkpoints.objects import ObjectStore

if TYPE_CHECKING:
    import sqlite3

WRITE_SOON: Final = 0.001
"""Seconds after which the end of a call is written, unless the next call is before: one step does then."""
WRITE_AFTER: Final = 0.5
"""Seconds after which what may wait is written."""
TIDY_AFTER: Final = 3_600.0
"""Seconds between two looks for runs that are too old."""
_LOG: Final = logging.getLogger("underpass.journal")


class Journal(Background):
    """The journal in the folder ``folder``; enter it before use.

    What must be written at once is written in the thread of the event loop: into the database, which takes
    20 µs, or ahead of it, which takes a fifth of that. Handing it to another thread takes several times as
    long. Whatever waits for the disk is done in a thread.
    """

    def __init__(self, folder: Path, settings: JournalSettings | None = None) -> None:
        self._settings = settings or JournalSettings()
        self._store = JournalStore(folder)
        self.contents = self._store.contents
        self.presence = AheadLog(folder / HOSTS)
        """That this process lives."""
        self.host = self.presence.name
        self.boot = boot()
        self._accepted: dict[str, JournaledRun] = {}
        """Runs that are recorded and have not begun."""
        self._pending: list[tuple[JournaledRun, Step]] = []
        self._ahead = 0
        """How many of these were written ahead, as far as they can be."""
        self._is_sound = False
        """Whether the database took what it was given last."""
        self._due = anyio.Event()
        self._soon = anyio.Event()
        self._said = False

    async def _finish(self) -> None:
        self.write()
        self._store.close()
        self.presence.leave()

    def begin(self, record: RunRecord) -> JournaledRun:
        """Begin the record of a run. Of one that was not accepted before, nothing is written before its first
        call or its end."""
        return self._accepted.pop(record.run, None) or JournaledRun(self, record)

    def accept(self, record: RunRecord) -> bool:
        """Record a run that is promised to somebody; returns whether it could be written.

        From now on it is known, whatever becomes of this process. It begins, or is refused, later.
        """
        accepted = self._accepted[record.run] = JournaledRun(self, record)
        accepted.appear()
        return not accepted.lost

    def refuse(self, run: str, cause: str) -> None:
        """Record the end of a run that was accepted and has not begun; of any other, nothing.

        Parameters:
            cause: the type of the error.
        """
        if (accepted := self._accepted.pop(run, None)) is not None:
            accepted.end(cause, spoke=False)

    def find(self, run: str) -> RunRecord:
        """Return a run that may be resumed.

        Raises:
            ValidationFailed: there is no such run, it goes on, it came to its own end, or it needs the
                variables of a session.
        """
        self.write()
        try:
            record = self._store.find(run)
        except OSError as error:
            raise ValidationFailed(f"the journal cannot be read: {error}") from error
        if record is None:
            raise ValidationFailed(f"the journal has no run {run:.60}", hint="see `underpass runs list`")
        if record.cause is None and record.ended is None and self.presence.lives(record.host):
            raise ValidationFailed(f"run {run} has not ended yet", hint="its process still works on it")
        if record.cause is not None and record.cause not in RESUMABLE:
            values = {"ok": "with its value", "cached": "with the value of an equal run"}
            how = values.get(record.cause, f"with {record.cause}")
            raise ValidationFailed(
                f"run {run} ended by itself, {how}: there is nothing to resume",
                hint="`underpass run` runs a program anew",
            )
        if record.session is not None:
            raise ValidationFailed(
                f"run {run} was one of the session {record.session:.60}, whose variables are gone",
                hint=f"`underpass runs show {run}` has its calls: run a program that does the rest",
            )
        return record

    def died(self) -> list[RunRecord]:
        """Return the runs that died with their processes, the oldest first; for any thread.

        Raises ``OSError``.
        """
        with closing(JournalStore(self._store.folder)) as store:
            return [run for run in store.without_end() if not self.presence.lives(run.host)]

    def resume(self, record: RunRecord, decisions: Decisions, *, unattended: bool = False) -> JournaledRun:
        """Begin the second life of a run that ``find`` has returned.

        Parameters:
            unattended: whoever calls this says by ``conclude`` when the run has ended.

        Raises:
            CallUnknown: nobody knows whether some of its calls have happened, nor is it decided.
            ValidationFailed: a decision is about another call, or another process resumes the run.
        """
        run = record.run
        try:
            self._have_all_of(record)
            calls = [self._whole(call) for call in self._store.calls(run)]
            unknown = [call for call in calls if call.unknown]
            if undecided := [call for call in unknown if call.sequence not in decisions]:
                raise CallUnknown.of(run, [call.to_dict() for call in undecided])
            sequences = {call.sequence for call in unknown}
            for sequence in (*decisions.call_again, *decisions.assume_done):
                if sequence not in sequences:
                    raise ValidationFailed(
                        f"call {sequence} of run {run} is not unknown",
                        hint=f"see `underpass runs show {run}`",
                    )
            uncertain = (
                record.boot != self.boot
                and record.cause in {None, "CallUnknown", "RunDiverged"}
                and not decisions.call_again
            )
            self.presence.take()
            events = max((max(call.began, call.ended or 0) for call in calls), default=0)
            journaled = JournaledRun(
                self,
                replace(record, attempts=record.attempts + 1),
                number=self._claim(record, uncertain=uncertain),
                replay=Replay(calls),
                calls=len(calls),
                events=events,
                uncertain=uncertain,
                unattended=unattended,
            )
            if decisions.assume_done:
                self._assume(journaled, decisions.assume_done)
                journaled.replay = Replay([self._whole(call) for call in self._store.calls(run)])
        except OSError as error:
            raise ValidationFailed(f"the journal cannot be read: {error}") from error
        return journaled

    def _have_all_of(self, record: RunRecord) -> None:
        """Make sure that nothing of a run is only in a log of its process's. Raises ``ValidationFailed``."""
        self._store.take_over()
        is_own = record.host == self.host
        if self._ahead if is_own else record.cause is None and self.presence.is_known(record.host):
            raise ValidationFailed(
                f"what the process of run {record.run} wrote last is not in the journal yet",
                hint="try again; if that does not help, the journal cannot be written: is the disk full?",
            )

    def now(self, run: JournaledRun, step: Step) -> bool:
        """Write a step, and what waits, before returning; returns whether that went well."""
        self._pending.append((run, step))
        self._due.set()
        return self.write()

    def ahead(self, run: JournaledRun, entry: CallBegan) -> bool:
        """Write an entry, and what waits, ahead of the database, before returning; or into it.

        Returns whether that went well.
        """
        if not (self._is_sound and run.there):
            return self.now(run, entry)
        self.soon(run, entry)
        waiting = self._pending[self._ahead :]
        entries = [(of.record.run, step) for of, step in waiting if of.there and isinstance(step, ENTRIES)]
        try:
            self.presence.append(line_of(entries))
        except (OSError, TypeError):
            return self.write()
        self._ahead = len(self._pending)
        return True

    def soon(self, run: JournaledRun, step: Step) -> None:
        """Write a step with the next, or after ``WRITE_SOON``."""
        self.later(run, step)
        self._soon.set()

    def later(self, run: JournaledRun, step: Step) -> None:
        """Write a step with the next, or after ``WRITE_AFTER``."""
        self._pending.append((run, step))
        self._due.set()

    def write(self) -> bool:
        """Write what waits; returns whether that went well."""
        if not self._pending:
            return True
        pending, self._pending = self._pending, []
        ahead, self._ahead = self._ahead, 0
        try:
            self.presence.take()
            self._store.write([step for _, step in pending])
        except Exception as error:  # noqa: BLE001 - runs go on without a journal, and it is said
            self._say(error)
            self._is_sound = False
            for run in {id(run): run for run, _ in pending}.values():
                self._lose(run)
            # Of a run that is in the journal, nothing that was promised is forgotten.
            self._pending = [(run, step) for run, step in pending[:ahead] if run.there]
            self._ahead = len(self._pending)
            if not self._pending:
                self._forget()
            return False
        self._is_sound = True
        self._forget()
        for run, _ in pending:
            run.there = True
        return True

    def _forget(self) -> None:
        """Let go what was written ahead; what stays there by mistake is known to have been written."""
        with suppress(OSError):
            self.presence.clear()

    def _lose(self, run: JournaledRun) -> None:
        run.lost = True
        # As long as the run may be in the journal it must do nothing that is not recorded.
        with suppress(OSError):
            run.there = self._store.find(run.record.run) is not None

    def _claim(self, record: RunRecord, *, uncertain: bool) -> int:
        """Make the run this process's own; returns its number."""
        number: list[int] = []

        def claim(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "UPDATE runs SET host = ?, boot = ?, attempts = attempts + 1, ended = NULL, cause = NULL"
                " WHERE run = ? AND attempts = ? AND cause IS ? RETURNING number",
                (
                    self.host,
                    record.boot if uncertain else self.boot,
                    record.run,
                    record.attempts,
                    record.cause,
                ),
            ).fetchone()
            if row is None:
                raise ValidationFailed(f"another process resumes run {record.run}", hint="wait for it")
            number.append(row[0])

        self._store.write([claim])
        return number[0]

    def _assume(self, run: JournaledRun, values: Mapping[int, Any]) -> None:
        for sequence, value in values.items():
            result = ("finished", run.event(), orjson.dumps(value), None, 0, None)
            self._store.write([CallEnded(run, sequence, result, None)])

    def _whole(self, call: CallRecord) -> CallRecord:
        """Return the call, as one in flight where its result is kept nowhere any more."""
        if call.content is None or ObjectStore(self.contents).is_whole(call.content):
            return call
        return replace(call, state="in flight", content=None, ended=None)

    async def _work(self) -> None:
        self._tasks.start_soon(self._settle_when_due)
        while True:
            await self._soon.wait()
            await anyio.sleep(WRITE_SOON)
            self._soon = anyio.Event()
            self.write()

    async def _settle_when_due(self) -> None:
        tidied = -TIDY_AFTER
        while True:
            await self._due.wait()
            await anyio.sleep(WRITE_AFTER)
            self._due = anyio.Event()
            self.write()
            try:
                await anyio.to_thread.run_sync(self._store.settle)
                if anyio.current_time() >= tidied + TIDY_AFTER:
                    tidied = anyio.current_time()
                    most = self._settings.max_mb * 1024 * 1024
                    await anyio.to_thread.run_sync(self._store.tidy, self._settings.days, most)
                    self._store.take_over()
            except Exception as error:  # noqa: BLE001 - as above
                self._say(error)

    def _say(self, error: Exception) -> None:
        if not self._said:
            _LOG.warning("the journal cannot be kept, so runs cannot be resumed: %s", error)
        self._said = True
