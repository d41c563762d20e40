"""Continues, by themselves, the runs that died with their processes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.broker.journal import Decisions, Journal, JournaledRun, RunRecord
from underpass.errors import CallUnknown, UnderpassError, ValidationFailed
from underpass.execution.result import RunResult

MOST_LIVES: Final = 3
"""A run that has died so often is left to a person: it may be what its processes die of."""
_RECENT: Final = 86_400.0
"""Seconds: nobody expects an older run to go on."""
_AT_ONCE: Final = 4
_LOG: Final = logging.getLogger("underpass.journal")


class Resuming(Background):
    """Continues runs once, when it is entered, beside everything else. Leaving it leaves them as they were.

    A run is continued by one process alone, whichever claims it first.

    Parameters:
        journal: has them.
        run: does the second life of one. Raises ``UnderpassError``.
    """

    def __init__(
        self, journal: Journal, run: Callable[[RunRecord, JournaledRun], Awaitable[RunResult]]
    ) -> None:
        self._journal = journal
        self._run = run
        self._turns = anyio.Semaphore(_AT_ONCE)

    async def _work(self) -> None:
        try:
            died = await anyio.to_thread.run_sync(self._journal.died)
        except OSError as error:
            _LOG.warning("the journal cannot be read, so no run is continued: %s", error)
            return
        async with anyio.create_task_group() as tasks:
            for record in died:
                if time.time() - record.begun < _RECENT:
                    tasks.start_soon(self._continue, record.run)

    async def _continue(self, run: str) -> None:
        async with self._turns:
            try:
                record = self._journal.find(run)
                if record.attempts >= MOST_LIVES:
                    _LOG.warning("run %s died %d times: `underpass resume %s`", run, record.attempts, run)
                    return
                journaled = self._journal.resume(record, Decisions(), unattended=True)
            except CallUnknown as unknown:
                _LOG.warning("run %s needs a decision: %s; %s", run, unknown.message, unknown.hint)
                return
            except ValidationFailed as error:
                # Of a session, or another process has it by now.
                _LOG.info("run %s is not continued: %s; %s", run, error.message, error.hint)
                return
            try:
                result = await self._run(record, journaled)
            except UnderpassError as error:
                journaled.conclude(None)
                _LOG.warning("run %s could not be continued: %s; `underpass resume %s`", run, error, run)
                return
            journaled.conclude(json.dumps(result.to_dict()).encode())
            if result.error is not None and result.error.type == "CallUnknown":
                _LOG.warning("run %s needs a decision: %s", run, result.error.message)
            else:
                end = "ok" if result.error is None else result.error.type
                _LOG.info("run %s was continued: %s; `underpass runs show %s`", run, end, run)
