"""The seam between the measurement and its arms."""

from __future__ import annotations

from typing import Protocol

from underpass.bench.conversation import Spent
from underpass.bench.place import Place
from underpass.bench.task import Task


class Arm(Protocol):
    """One way to carry out tasks."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    async def carry_out(self, task: Task, place: Place) -> Spent:
        """Carry out a task, and count."""
        ...
