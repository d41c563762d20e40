"""What the journal has of runs, for one tenant."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underpass.broker.journal import RESUMABLE, CallRecord, JournalStore, RunRecord
from underpass.broker.journal.presence import Presence
from underpass.broker.journal.store import RunState
from underpass.server.tenancy.names import TenantNames


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as the journal knows it."""

    record: RunRecord
    state: str
    """``running``, ``died``, ``undecided``, ``ok``, or the type of its error."""
    undecided: tuple[int, ...] = ()
    """The calls about which a person has to decide before it can go on."""


class History:
    """The runs of one tenant. Every method waits for the disk, and may raise ``OSError``.

    Parameters:
        folder: the journal's.
        names: of the tenant's agents.
    """

    def __init__(self, folder: Path, names: TenantNames) -> None:
        self._folder = folder
        self._names = names

    def page(
        self,
        limit: int,
        *,
        agent: str | None = None,
        state: RunState | None = None,
        before: str | None = None,
    ) -> list[RunFacts]:
        """Return some runs, the youngest first.

        Parameters:
            agent: by its name inside.
            before: a run; only those that began before it.
        """
        with closing(JournalStore(self._folder)) as store:
            found = store.page(limit, prefix=self._names.prefix, agent=agent, state=state, before=before)
            return [self._facts(record, store) for record in found]

    def find(self, run: str) -> RunFacts | None:
        """Return a run of the tenant's, or None."""
        with closing(JournalStore(self._folder)) as store:
            record = store.find(run)
            if record is None or not self._names.owns(record.agent):
                return None
            return self._facts(record, store)

    def calls(self, run: str, after: int = 0) -> list[CallRecord]:
        """Return the calls of a run that ``find`` has returned, after a sequence number."""
        with closing(JournalStore(self._folder)) as store:
            return [call for call in store.calls(run) if call.sequence > after]

    def result(self, run: str) -> dict[str, Any] | None:
        """Return what a run came to that was continued by itself; None of any other."""
        with closing(JournalStore(self._folder)) as store:
            kept = store.result(run)
        return None if kept is None else json.loads(kept)

    def _facts(self, run: RunRecord, store: JournalStore) -> RunFacts:
        if run.cause is None and Presence(self._folder / "hosts").lives(run.host):
            return RunFacts(run, "running")
        if (run.cause is None or run.cause in RESUMABLE) and run.session is None and run.calls:
            unknown = tuple(call.sequence for call in store.calls(run.run) if call.unknown)
            if unknown:
                return RunFacts(run, "undecided", unknown)
        return RunFacts(run, run.cause or "died")
