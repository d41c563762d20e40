"""Where a task is carried out: what is connected, and what its direct calls have been."""

from __future__ import annotations

from dataclasses import dataclass

from underpass.bench.catalogs import Definitions
from underpass.bench.trajectory import Trajectory
from underpass.bench.view import View


@dataclass(frozen=True, slots=True)
class Place:
    """One task at one size of the catalog."""

    view: View
    """The servers of the task, and those of the catalog."""
    definitions: Definitions
    """The catalog."""
    trajectory: Trajectory
