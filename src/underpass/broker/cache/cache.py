"""Answers calls with what the same calls came back with before."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from underpass.broker.cache.declared import Declarations
from underpass.broker.cache.entry import Entry
from underpass.broker.cache.flights import Flight, Flights
from underpass.broker.cache.store import ResultStore
from underpass.broker.call import Call, Freshness, Returned
from underpass.catalog.identity import Identity
from underpass.errors import ToolFailed, ToolLimitExceeded

Make = Callable[[], Awaitable[Returned]]


class Digest(Protocol):
    """A digest of what is known so far."""

    def copy(self) -> Digest: ...

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


_KNOWN: Final = 10_000
"""Tools that are remembered."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is done about the calls of one tool of one server."""

    name: str
    identity: Identity
    place: int
    """Where the server's epochs are."""
    reads: bool
    seconds: float
    prefix: Digest
    """Of what all keys of its calls begin with."""


class ToolCache:
    """Keeps results of tools that only read, per agent, until their time is over or the server is written to.

    Every call of a tool that is not known to read only counts as a write to its server, and what was read
    from the server before its end is not used any more, in no process that shares the state folder.
    Concurrent calls of the same kind are made once.

    Parameters:
        store: where results are kept.
        declarations: which tools only read, and how long their results are good.
        identity: tells which server it is that answers, None where that is not known.
        is_used: whether anything is to be kept. Writes are told to other processes in any case, if some
            process keeps anything.
        timeout: seconds that a call takes at most.
    """

    def __init__(
        self,
        store: ResultStore,
        declarations: Declarations,
        identity: Callable[[str], Identity | None],
        *,
        is_used: bool,
        timeout: float,
    ) -> None:
        self._store = store
        self._epochs = store.epochs
        self._declarations = declarations
        self._identity = identity
        self._is_used = is_used
        self._timeout = timeout
        self._plans: dict[tuple[str, str, str], _Plan] = {}
        self._flights = Flights[Returned]()

    def has_part_in(self, call: Call) -> bool:
        """Whether ``answer`` does anything but make the call."""
        return bool(call.digest) and (self._is_used or self._epochs.exist())

    async def answer(self, call: Call, make: Make) -> Returned:
        """Return what the call came back with before, if that is still good, or make it.

        Raises:
            ToolError: it was made, and failed.
        """
        if (plan := self._plan(call)) is None:
            return await make()
        if not plan.reads:
            return await self._write(plan, make)
        epoch = self._epochs.current(plan.place) if plan.seconds and plan.identity.digest else None
        if epoch is None:
            return await make()
        key, now = _key(plan, call), self._store.now()
        entry = await self._store.find(key) if self._store.has(key) else None
        # The time to live may have been made shorter since.
        if entry is not None and now < entry.stored + plan.seconds:
            return _returned(entry, plan)
        freshness = Freshness(now + plan.seconds, plan.place, epoch)
        if (flight := self._flights.begin((key, epoch), now)) is None:
            return await self._join(plan, key, freshness, make)
        try:
            returned = self._keep(plan, key, freshness, await make())
            flight.alone = not returned.portable
            flight.result = returned if returned.portable else None
        except Exception:
            flight.alone = True
            raise
        else:
            return returned
        finally:
            self._flights.end((key, epoch), flight)

    async def _join(self, plan: _Plan, key: str, freshness: Freshness, make: Make) -> Returned:
        """Wait for the same call that is under way."""

        async def work(_flight: Flight[Returned]) -> Returned:
            return self._keep(plan, key, freshness, await make())

        now = freshness.until - plan.seconds
        flight = (key, freshness.epoch)
        result, was_shared = await self._flights.share(
            flight, work, _is_for_all, now=now, good_for=plan.seconds
        )
        # Each has a value of its own: whoever changes his must not change another's.
        return result._replace(value=orjson.loads(result.encoded)) if was_shared else result

    async def _write(self, plan: _Plan, make: Make) -> Returned:
        self._epochs.begin(plan.place, 2 * self._timeout)
        known = False
        try:
            returned = await make()
            known = True
        except (ToolFailed, ToolLimitExceeded):
            known = True
            raise
        else:
            return returned
        finally:
            # One that was given up, or had no answer, may still happen.
            self._epochs.end(plan.place, known=known, longest=self._timeout)

    def _keep(self, plan: _Plan, key: str, freshness: Freshness, returned: Returned) -> Returned:
        until, place, epoch = freshness
        if not returned.portable or not self._epochs.is_current(place, epoch):
            return returned
        asked = until - plan.seconds
        entry = Entry("call", plan.name, asked, until, ((place, epoch),), returned.encoded)
        self._store.put(key, entry, lasting=plan.identity.lasts)
        return Returned(returned.value, returned.encoded, freshness=freshness)

    def _plan(self, call: Call) -> _Plan | None:
        tool = call.tool
        known = (tool.server, tool.name, call.digest)
        identity = self._identity(tool.server)
        plan = self._plans.get(known)
        if plan is None or (plan.identity is not identity and plan.identity != identity):
            if identity is None:
                return None
            treatment = self._declarations.about(tool)
            prefix = hashlib.sha256(orjson.dumps(["call", identity.digest, tool.name, call.digest]))
            place = self._epochs.place(identity.entry)
            if len(self._plans) >= _KNOWN:
                self._plans.clear()
            name = f"{tool.server}.{tool.name}"
            plan = _Plan(name, identity, place, treatment.reads, treatment.seconds, prefix)
            self._plans[known] = plan
        return plan


def _key(plan: _Plan, call: Call) -> str:
    digest = plan.prefix.copy()
    digest.update(orjson.dumps([call.agent, call.arguments], option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()


def _returned(entry: Entry, plan: _Plan) -> Returned:
    ((place, epoch),) = entry.epochs
    until = min(entry.until, entry.stored + plan.seconds)
    freshness = Freshness(until, place, epoch)
    return Returned(orjson.loads(entry.content), entry.content, freshness=freshness)


def _is_for_all(returned: Returned) -> bool:
    return returned.portable
