"""What two tasks cost in every arm, measured once for all tests."""

from __future__ import annotations

import anyio
import pytest

from underpass.bench.comparison import compare
from underpass.bench.results import Results
from underpass.bench.task import Task
from underpass.bench.tasks import TASKS


def task(name: str) -> Task:
    """One of the tasks, by its name."""
    return next(each for each in TASKS if each.name == name)


@pytest.fixture(scope="module")
def measured() -> Results:
    """A look-up and a task with much data, beside 50 other tools."""
    return anyio.run(lambda: compare([task("weather-tomorrow"), task("budget-check")], quick=True))
