"""Runs of other processes that share the state folder, as the journal tells of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any, Final

import anyio
import orjson

from underpass.broker.journal import CallRecord
from underpass.server.tenancy.events import Event, Kind
from underpass.server.tenancy.history import RunFacts

_LOOK: Final = 0.5
"""Seconds between two looks: a process writes what it may put off as often."""
_STATES: Final = {"finished": "ok", "failed": "failed", "cancelled": "unknown"}

Look = Callable[[], Awaitable[tuple[RunFacts, list[CallRecord]]]]
"""Reads a run, and then its calls."""


async def events_elsewhere(look: Look, after: int) -> AsyncGenerator[Event]:
    """Yield what happens in a run of another process, until it has ended there.

    Parameters:
        after: the number of the last event that is known already.
    """
    number = after
    while True:
        facts, calls = await look()
        happened = _events(facts.record.run, calls)
        for event in happened:
            if event.number > number:
                number = event.number
                yield event
        if facts.state != "running":
            last = happened[-1].number + 1
            if last > number:
                yield _event(last, "ended", {"run": facts.record.run, "state": facts.state})
            return
        await anyio.sleep(_LOOK)


def _events(run: str, calls: list[CallRecord]) -> list[Event]:
    """All that the journal knows to have happened, in that order: who comes back finds the same numbers."""
    told = [told for call in calls for told in _of_call(call)]
    begun = _event(1, "started", {"run": run})
    return [
        begun,
        *(_event(place + 1, "call", data) for place, data in sorted(told, key=lambda each: each[0])),
    ]


def _of_call(call: CallRecord) -> Iterator[tuple[int, dict[str, Any]]]:
    facts = {"call": call.sequence, "server": call.server, "tool": call.tool}
    yield call.began, {**facts, "state": "begun"}
    if call.ended is not None:
        yield call.ended, {**facts, "state": _STATES.get(call.state, "unknown")}


def _event(number: int, kind: Kind, data: dict[str, Any]) -> Event:
    return Event(number, kind, orjson.dumps(data))
