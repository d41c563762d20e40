"""The first life of a run, as its second life meets it again.

A program that is run again does the same as long as it is told the same in the same order. So each
recorded call is answered from the journal, and not before everything that had happened before that
answer has happened again. A new call is let through when every recorded one was made again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anyio

from underpass.broker.journal.record import CallRecord

PATIENCE: Final = 2.0
"""Seconds that an answer waits for its turn. A program that does something else this time, or that waits
itself, gets it then; it is found out by its next call."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a person says of calls of which nobody knows whether they happened, by their sequence."""

    call_again: frozenset[int] = frozenset()
    """They did not happen."""
    assume_done: Mapping[int, Any] = field(default_factory=dict[int, Any])
    """They happened, and this is the value that the code is given for each."""

    def __contains__(self, sequence: int) -> bool:
        return sequence in self.call_again or sequence in self.assume_done


class Replay:
    """The recorded calls of one run.

    Parameters:
        records: by their sequence.
    """

    def __init__(self, records: Sequence[CallRecord]) -> None:
        self._unmatched: dict[tuple[str, str, str], deque[CallRecord]] = {}
        for record in records:
            self._unmatched.setdefault(record.key, deque()).append(record)
        began = [(record.began, record.sequence, False) for record in records]
        ended = [(record.ended, record.sequence, True) for record in records if _is_answered(record)]
        self._events = sorted((place or 0, sequence, end) for place, sequence, end in began + ended)
        self._happened: set[tuple[int, bool]] = set()
        self._position = 0
        self._waiting: dict[int, anyio.Event] = {}
        self._over = anyio.Event()
        self._advance()

    @property
    def expected(self) -> CallRecord | None:
        """The first recorded call that was not made again."""
        return min((calls[0] for calls in self._unmatched.values()), key=_sequence, default=None)

    def claim(self, server: str, tool: str, digest: str) -> CallRecord | None:
        """Return the recorded call that is made again, or None for one that was never made."""
        key = (server, tool, digest)
        if (calls := self._unmatched.get(key)) is None:
            return None
        record = calls.popleft()
        if not calls:
            del self._unmatched[key]
        self._happen(record.sequence, end=False)
        return record

    async def turn(self, record: CallRecord) -> None:
        """Wait until it is time for a recorded answer."""
        try:
            if self._position < len(self._events) and self._events[self._position][1:] != (
                record.sequence,
                True,
            ):
                event = self._waiting[record.sequence] = anyio.Event()
                with anyio.move_on_after(PATIENCE):
                    await event.wait()
        finally:
            self._waiting.pop(record.sequence, None)
            self._happen(record.sequence, end=True)

    async def over(self) -> None:
        """Wait until everything recorded has happened again."""
        with anyio.move_on_after(PATIENCE):
            await self._over.wait()

    def _happen(self, sequence: int, *, end: bool) -> None:
        self._happened.add((sequence, end))
        self._advance()

    def _advance(self) -> None:
        while self._position < len(self._events) and self._events[self._position][1:] in self._happened:
            self._position += 1
        if self._position == len(self._events):
            self._over.set()
        elif event := self._waiting.get(self._events[self._position][1]):
            event.set()


def _is_answered(record: CallRecord) -> bool:
    return record.state in {"finished", "failed"}


def _sequence(record: CallRecord) -> int:
    return record.sequence
