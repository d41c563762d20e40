"""Measures the runs of one process: takes down what they were, and has it counted and written later."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.catalog.definition import Listing
from underpass.config import DiscoverySettings, MetricsSettings
from underpass.metrics import tokens
from underpass.metrics.definitions import DefinitionCounter
from underpass.metrics.instruments import Instruments
from underpass.metrics.row import Ended, RunRow
from underpass.metrics.spans import RunSpan, Spans
from underpass.metrics.store import MetricsStore, PromptRow

if TYPE_CHECKING:
    from underpass.broker.journal.record import RunRecord
    from underpass.execution.result import RunResult

WRITE_AFTER: Final = 0.5
"""Seconds after which what waits is written."""
TIDY_AFTER: Final = 3_600.0
"""Seconds between two looks for runs that are too old."""
MOST_WAITING: Final = 10_000
"""Runs that wait to be written at most: where the disk fails, those that come then are not recorded."""
_LONGEST_PROMPT: Final = 400_000
"""Characters of a prompt that are counted."""
_LOG: Final = logging.getLogger("underpass.metrics")

T = TypeVar("T")


class Metering(Background):
    """Records the runs of this process in the store in ``folder``; enter it before use. It is a ``Meter``.

    A run pays for a row in a list. Counting, hashing and writing are done in a thread, in batches.

    Parameters:
        settings: how long figures are kept.
        discovery: what tools a model is told of at once.
        known: the listings that are known now.
        instruments: are told of every run.
    """

    def __init__(
        self,
        folder: Path,
        settings: MetricsSettings,
        discovery: DiscoverySettings,
        known: Callable[[], Mapping[str, Listing]],
        instruments: Instruments,
    ) -> None:
        self.folder = folder
        self.instruments = instruments
        self._settings = settings
        self._known = known
        self.spans = Spans()
        self._store = MetricsStore(folder)
        self._definitions = DefinitionCounter(discovery)
        self._ended: deque[Ended] = deque()
        self._prompts: deque[tuple[float, str, str, str]] = deque()
        self._listings: Mapping[str, Listing] = {}
        self._due = anyio.Event()
        self._writing = threading.Lock()
        self._said = False
        self.lost = 0
        """Runs that could not be recorded."""
        instruments.settle_by(self.settle)
        instruments.watch(instruments.lost, lambda: {(): float(self.lost)})

    def begin(self, run: RunRecord) -> MeteredRun:
        """Begin to measure a run."""
        return MeteredRun(self, run, self.spans.run(run))

    def ended(self, ended: Ended) -> None:
        """Take down a run that has ended."""
        if len(self._ended) >= MOST_WAITING:
            self.lost += 1
            return
        if not self._listings:
            self._listings = self._known()
        self._ended.append(ended)
        self._due.set()

    def prompt(self, agent: str, what: str, text: str) -> None:
        """Take down a text that was put into a model's context besides a program and its answer.

        Parameters:
            agent: whose model.
            what: ``search``, ``documentation`` or another kind of text; there are few of them.
            text: what the model reads.
        """
        if len(self._prompts) < MOST_WAITING:
            self._prompts.append((time.time(), agent, what, text[:_LONGEST_PROMPT]))
            self._due.set()

    def settle(self) -> None:
        """Count and write what waits, for any thread. What cannot be written is lost, which is said once."""
        with self._writing:
            ended, prompts = _taken(self._ended), _taken(self._prompts)
            if not ended and not prompts:
                return
            try:
                self._count(ended, prompts)
            except Exception as error:  # noqa: BLE001 - runs go on without figures, and it is said
                self._lose(len(ended), error)

    def _count(self, ended: list[Ended], prompts: list[tuple[float, str, str, str]]) -> None:
        definitions, are_new = self._definitions.count(self._listings)
        rows = [RunRow.of(each) for each in ended]
        for row in rows:
            row.definitions_direct, row.definitions_code = definitions.direct, definitions.code
        counted = [PromptRow(at, agent, what, tokens.count(text)) for at, agent, what, text in prompts]
        if not self._settings.days or not self._write(rows, counted, definitions.servers if are_new else {}):
            # Nobody knows which runs begin a conversation: none is credited with what it avoids.
            for row in rows:
                row.definitions_direct = row.definitions_code = 0
        self.instruments.note(zip(ended, rows, strict=True), counted)

    def tidy(self) -> None:
        """Remove what is too old or too much, for any thread."""
        with self._writing:
            try:
                self._store.tidy(self._settings.days, self._settings.max_mb * 1024 * 1024)
            except OSError as error:
                _LOG.warning("metrics cannot be tidied: %s", error)

    async def _work(self) -> None:
        tidied = -TIDY_AFTER
        while True:
            await self._due.wait()
            # Here, because a catalog is for the event loop's thread.
            self._listings = self._known()
            await anyio.sleep(WRITE_AFTER)
            self._due = anyio.Event()
            await anyio.to_thread.run_sync(self.settle)
            if anyio.current_time() >= tidied + TIDY_AFTER:
                tidied = anyio.current_time()
                await anyio.to_thread.run_sync(self.tidy)

    async def _finish(self) -> None:
        self._listings = self._known()
        self.settle()
        self._store.close()

    def _write(
        self, rows: list[RunRow], prompts: list[PromptRow], servers: Mapping[str, tuple[int, int]]
    ) -> bool:
        try:
            self._store.write(rows, prompts, servers)
        except OSError as error:
            self._lose(len(rows), error)
            return False
        return True

    def _lose(self, runs: int, error: Exception) -> None:
        self.lost += runs
        if not self._said:
            _LOG.warning("metrics cannot be kept, so statistics lack runs: %s", error)
        self._said = True


class MeteredRun:
    """One run that is measured."""

    __slots__ = ("_metering", "_run", "_span")

    def __init__(self, metering: Metering, run: RunRecord, span: RunSpan | None) -> None:
        self._metering = metering
        self._run = run
        self._span = span

    def end(self, cause: str, result: RunResult | None) -> None:
        """Learn how the run has ended."""
        ended = Ended.of(self._run, cause, result)
        if self._span is not None:
            self._span.end(ended)
        self._metering.ended(ended)


def _taken(waiting: deque[T]) -> list[T]:
    """Take all that waits, while another thread may add to it."""
    return [waiting.popleft() for _ in range(len(waiting))]
