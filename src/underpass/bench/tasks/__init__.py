"""The tasks of the comparison, by class."""

from __future__ import annotations

from typing import Final

from underpass.bench.task import Task
from underpass.bench.tasks import (
    budget_check,
    chains,
    copy_transcript,
    hand_overs,
    invoices,
    joins,
    knowledge,
    large_tables,
    last_order,
    long_texts,
    look_ups,
    telemetry,
)

TASKS: Final[tuple[Task, ...]] = (
    *look_ups.TASKS,
    last_order.TASK,
    *chains.TASKS,
    copy_transcript.TASK,
    budget_check.TASK,
    *large_tables.TASKS,
    *long_texts.TASKS,
    *telemetry.TASKS,
    *invoices.TASKS,
    *knowledge.TASKS,
    *hand_overs.TASKS,
    *joins.TASKS,
)
