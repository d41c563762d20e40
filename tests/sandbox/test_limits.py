"""Each limit of a run names itself, its value and the setting that changes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from underpass import RunResult, Underpass

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("R14"),
    pytest.mark.skipif(sys.platform != "linux", reason="the process sandbox needs Linux"),
]
THREADS = """
import threading
threads = []
stop = threading.Event()
while True:
    threads.append(threading.Thread(target=stop.wait, daemon=True))
    threads[-1].start()
"""
HUGE = "class Huge(Exception):\n    def __str__(self): return 'x' * (40 << 20)\nraise Huge"


async def run(home: Path, code: str, **settings: Any) -> RunResult:
    async with Underpass.open(None, home=home, settings=settings) as up:
        result = await up.run(code, timeout=60)
        assert (await up.run("1")).value == 1
        return result


@pytest.mark.parametrize(
    ("code", "setting", "value"),
    [
        ("files = [open('data/x', 'w') for _ in range(1000)]", "run.open_files", 100),
        ("open('data/x', 'wb').write(b'x' * (3 << 20))", "run.file_mb", 2),
        ("for n in range(9): open(f'/tmp/{n}', 'wb').write(b'x' * (1 << 20))", "run.tmp_mb", 4),
        ("kept = []\nwhile True: kept.append([])", "run.memory_mb", 64),
        ("['\\u1234' * (8 << 20)]", "run.memory_mb", 64),
        (THREADS, "run.memory_mb", 64),
        ("print('x' * 200_000)", "run.output_bytes", 100_000),
    ],
)
async def test_a_limit_names_itself_its_value_and_its_setting(
    tmp_path: Path, code: str, setting: str, value: int
) -> None:
    error = (await run(tmp_path, code, **{setting: value})).error
    assert error is not None
    assert (error.type, error.data["setting"], error.data["value"]) == ("LimitExceeded", setting, value)
    assert f"{value:,}" in error.message
    assert setting in error.hint


async def test_a_value_over_its_limit_names_the_setting(tmp_path: Path) -> None:
    error = (await run(tmp_path, "'x' * 200_000", **{"run.result_bytes": 100_000})).error
    assert error is not None
    assert error.type == "ResultInvalid"
    assert "100,000" in error.message
    assert "run.result_bytes" in error.hint


async def test_an_error_with_a_huge_text_is_shown_in_part(tmp_path: Path) -> None:
    error = (await run(tmp_path, HUGE, **{"run.memory_mb": 64})).error
    assert error is not None
    assert (error.type, error.data["line"]) == ("Huge", 3)
    assert error.message.startswith("xxx")


@pytest.mark.parametrize(
    "code",
    [
        "import ctypes\nctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1)",
        "import ctypes\nCallback = ctypes.CFUNCTYPE(ctypes.c_int)\ncallback = Callback(lambda: 1)",
    ],
)
async def test_a_refused_callback_is_no_lack_of_memory(tmp_path: Path, code: str) -> None:
    error = (await run(tmp_path, code)).error
    assert error is not None
    assert error.type == "PermissionError"
    assert "new machine code" in error.message
    assert "pass data" in error.hint


async def test_one_that_takes_all_threads_leaves_the_others_of_its_user_running(tmp_path: Path) -> None:
    greedy = """
import _thread, threading, time
from mcp_runtime import progress
threading.stack_size(65_536)
stop = threading.Event()
try:
    while True:
        _thread.start_new_thread(stop.wait, ())
except RuntimeError:
    pass
progress(1)
time.sleep(50)
"""
    taken = anyio.Event()

    async def note(_value: float, _total: float | None, _message: str | None) -> None:
        taken.set()

    values: list[Any] = []
    async with Underpass.open(None, home=tmp_path) as up:
        async with anyio.create_task_group() as greedy_tasks:

            async def take() -> None:
                await up.run(greedy, timeout=60, on_progress=note)
                taken.set()

            greedy_tasks.start_soon(take)
            await taken.wait()
            code = "import asyncio; await asyncio.sleep(0, {n})"
            values += [(await up.run(code.format(n=n))).value for n in range(20)]
            greedy_tasks.cancel_scope.cancel()
        assert values == list(range(20))
        started = await up.run("import threading\nthreading.Thread(target=print).start()\n1", timeout=60)
        assert started.value == 1
