"""Carries every task out in every arm, beside catalogs of several sizes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from underpass import Underpass
from underpass.bench.arms.arm import Arm
from underpass.bench.catalogs import Definitions
from underpass.bench.place import Place
from underpass.bench.results import Measured, Results
from underpass.bench.servers import configuration
from underpass.bench.task import Task
from underpass.bench.trajectory import Trajectory, record
from underpass.bench.view import Runs, View
from underpass.errors import UnderpassError

_SETTINGS: Final[Mapping[str, Any]] = {
    # Vectors arrive in the background: answers would depend on how fast.
    "discovery.semantic": "off",
}

OnTask = Callable[[str, int], None]
"""Is told of each task and size before it begins."""


async def measure(
    tasks: Sequence[Task],
    catalogs: Sequence[Definitions],
    arms: Sequence[Arm],
    *,
    sandbox: str | None = None,
    left_out: Mapping[str, str] | None = None,
    on_task: OnTask | None = None,
) -> Results:
    """Measure.

    Every program and every direct call is made for real, the programs once for all catalogs: what they do
    does not depend on tools that are only listed.

    Parameters:
        tasks: the tasks.
        catalogs: what is connected beside the servers of a task.
        arms: the ways to carry them out.
        sandbox: as for ``Underpass.open``.
        left_out: what is not measured, and why, for the results.
        on_task: is told how far it is.

    Raises:
        SandboxUnavailable: programs cannot run here.
        ServerUnavailable: a task's server cannot be started.
    """
    measured: list[Measured] = []
    runs: Runs = {}
    trajectories: dict[str, Trajectory] = {}
    names = sorted({name for task in tasks for name in task.servers})
    for definitions in catalogs:
        with tempfile.TemporaryDirectory(prefix="underpass-bench-") as folder:
            servers = configuration(Path(folder) / "data", names)["mcpServers"] | definitions.upstreams()
            async with Underpass.open(servers, sandbox=sandbox, home=folder, settings=_SETTINGS) as up:
                await up.catalog.listings()  # all at once
                for name in names:
                    await up.catalog.listing(name)
                for task in tasks:
                    if on_task is not None:
                        on_task(task.name, definitions.size)
                    view = View(up, [*task.servers, *definitions.servers], runs)
                    if task.name not in trajectories:
                        trajectories[task.name] = await record(task, view.call_tool, view.result_text)
                    place = Place(view, definitions, trajectories[task.name])
                    measured += [await _one(task, place, arm) for arm in arms]
    return Results(measured, {each.size: each.tokens for each in catalogs}, left_out or {})


async def _one(task: Task, place: Place, arm: Arm) -> Measured:
    size = place.definitions.size
    try:
        spent = await arm.carry_out(task, place)
    except UnderpassError as error:
        return Measured(task.name, task.kind, size, arm.name, None, f"{error.type}: {error.message}")
    return Measured(task.name, task.kind, size, arm.name, spent)
