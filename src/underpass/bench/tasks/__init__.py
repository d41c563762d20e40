"""The tasks of the comparison, by class."""

from __future__ import annotations

from typing import Final

from underpass.bench.task import Task
from underpass.bench.tasks import (
    budget_check,
    copy_transcript,
    last_order,
    weather_tomorrow,
)

TASKS: Final[tuple[Task, ...]] = (
    weather_tomorrow.TASK,
    last_order.TASK,
    copy_transcript.TASK,
    budget_check.TASK,
)
