"""What every run did, in SQLite: enough to continue one that died without repeating its calls."""

from underpass.broker.journal.journal import Journal
from underpass.broker.journal.record import RESUMABLE, CallRecord, RunRecord
from underpass.broker.journal.replay import Decisions
from underpass.broker.journal.run import JournaledCall, JournaledRun
from underpass.broker.journal.store import JournalStore

__all__ = [
    "RESUMABLE",
    "CallRecord",
    "Decisions",
    "Journal",
    "JournalStore",
    "JournaledCall",
    "JournaledRun",
    "RunRecord",
]
