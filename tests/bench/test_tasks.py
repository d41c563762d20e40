"""Each task is carried out for real: the programs in a sandbox, the direct calls one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from underpass import Underpass
from underpass.bench import m3
from underpass.bench.servers import NAMES, configuration
from underpass.bench.task import ScriptedCall, Task
from underpass.bench.tasks import TASKS

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R42")]

_EVERY = (*TASKS, *m3.TASKS)
_QUICK = ("weather-tomorrow", "budget-check")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Underpass]:
    folder = tmp_path_factory.mktemp("bench")
    async with Underpass.open(configuration(folder / "data", (*NAMES, "m3tooleval")), home=folder) as opened:
        yield opened


@pytest.mark.parametrize("task", _EVERY, ids=lambda task: task.name)
async def test_direct_calls_come_to_the_answer(up: Underpass, task: Task) -> None:
    async def turn(*calls: ScriptedCall) -> list[Any]:
        assert {call.server for call in calls} <= set(task.servers)
        return [await up.call_tool(call.server, call.tool, call.arguments) for call in calls]

    assert await task.direct(turn) == task.expected


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, id=task.name, marks=[] if task.name in _QUICK else [pytest.mark.slow])
        for task in _EVERY
    ],
)
@pytest.mark.parametrize("language", ["python", "typescript"])
async def test_a_program_comes_to_the_answer(up: Underpass, task: Task, language: str) -> None:
    code = task.python if language == "python" else task.typescript

    result = await up.run(code, language=language, agent=task.name)

    assert result.ok, result.error
    assert result.value == task.expected


def test_there_are_enough_tasks_of_each_class() -> None:
    assert len(TASKS) >= 28
    assert min(Counter(task.kind for task in TASKS).values()) >= 6
    assert len(m3.TASKS) >= 30
    assert len({task.name for task in _EVERY}) == len(TASKS) + len(m3.TASKS)


def test_the_reference_says_what_each_task_asks() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "bench-tasks.md").read_text(encoding="utf-8")

    assert [task.name for task in TASKS if f"| {task.name} | {task.kind} |" not in page] == []


def test_the_data_is_the_same_every_time(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        configuration(tmp_path / folder, NAMES)

    one, two = (_contents(tmp_path / folder) for folder in ("one", "two"))
    assert one == two
    assert len(one) > len(NAMES)


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
