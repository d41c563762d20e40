"""What the counters of a service have come to in all of its processes, for Prometheus.

A counter that begins anew at 0 is nothing bad: Prometheus knows that processes end. One that begins a little
below where it was is: the whole of it counts as an increase. So nothing is shown that is not kept before.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.broker.journal.presence import boot, lock
from underpass.catalog.edit import write_atomically
from underpass.metrics.exposition import exposition
from underpass.metrics.instrument import Instrument, Labels
from underpass.metrics.instruments import Instruments

FILE_NAME: Final = "totals.json"
_KEEP_AFTER: Final = 1.0
"""Seconds between two looks for what is to be kept, besides each time that somebody reads it."""
_LOG: Final = logging.getLogger("underpass.metrics")


class Totals(Background):
    """Counters that go on where an earlier process of the service ended, by force too; enter it before use.

    They begin at 0 with the machine, since a power cut may take the last ones; and in a second service that
    shares the folder, which would count the first one's as well.

    Parameters:
        folder: where they are kept.
        instruments: count in this process.
    """

    def __init__(self, folder: Path, instruments: Instruments) -> None:
        self._path = folder / FILE_NAME
        self._instruments = instruments
        self._before: dict[str, Instrument] = {}
        self._lock: int | None = None
        self._kept = ""
        self._reading = threading.Lock()
        self._said = False

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics as Prometheus reads them, and the content type, for any thread.

        Raises:
            ConfigError: the extra ``telemetry`` is not installed; the hint says how to.
        """
        return exposition(self._read())

    async def __aenter__(self) -> Self:
        await anyio.to_thread.run_sync(self._open)
        return await super().__aenter__()

    async def _work(self) -> None:
        while True:
            await anyio.sleep(_KEEP_AFTER)
            await anyio.to_thread.run_sync(self._read)

    async def _finish(self) -> None:
        self._read()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read(self) -> list[Instrument]:
        """Return the instruments with what was counted before; what they show is kept by then."""
        with self._reading:
            found = [self._added(each) for each in self._instruments.read()]
            if self._lock is not None:
                self._keep(found)
            return found

    def _added(self, now: Instrument) -> Instrument:
        if now.kind == "gauge":
            return now
        before = self._before.get(now.name)
        values, seen = dict(now.values), {labels: list(counts) for labels, counts in list(now.seen.items())}
        if before is not None:
            for labels, value in before.values.items():
                values[labels] = values.get(labels, 0.0) + value
            for labels, counts in before.seen.items():
                own = seen.get(labels, [0] * len(counts))
                seen[labels] = [a + b for a, b in zip(own, counts, strict=True)]
        return replace(now, values=values, seen=seen)

    def _keep(self, found: Iterable[Instrument]) -> None:
        counted = {
            each.name: [[list(labels), value, each.seen.get(labels)] for labels, value in each.values.items()]
            for each in found
            if each.kind != "gauge"
        }
        text = json.dumps({"boot": boot(), "counted": counted})
        if text == self._kept:
            return
        try:
            write_atomically(self._path, text)
        except OSError as error:
            if not self._said:
                _LOG.warning("counters cannot be kept, so they begin anew with the process: %s", error)
            self._said = True
        else:
            self._kept = text

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(
                self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            _LOG.warning("counters cannot be kept, so they begin anew with the process: %s", error)
            return
        if not lock(descriptor):
            os.close(descriptor)
            return
        self._lock = descriptor
        with suppress(OSError, ValueError, TypeError, KeyError):
            content: dict[str, Any] = json.loads(self._path.read_bytes())
            if content["boot"] == boot():
                known = {each.name: each for each in self._instruments.all}
                for name, rows in content["counted"].items():
                    if name in known:
                        self._before[name] = _earlier(known[name], rows)
        for labels in self._before.get(self._instruments.calls.name, Instrument("", "counter", "")).values:
            self._instruments.name_of(labels[0], labels[1])


def _earlier(now: Instrument, rows: list[Any]) -> Instrument:
    """Return what an instrument had counted; what another version may have kept otherwise is left out."""
    values: dict[Labels, float] = {}
    seen: dict[Labels, list[int]] = {}
    for names, value, counts in rows:
        labels: Labels = tuple(map(str, names))
        wanted = len(now.bounds) + 1 if now.kind == "histogram" else None
        if len(labels) != len(now.labels) or not math.isfinite(value):
            continue
        if wanted is None:
            values[labels] = float(value)
        elif counts is not None and len(counts) == wanted:
            values[labels], seen[labels] = float(value), list(map(int, counts))
    return replace(now, values=values, seen=seen)
