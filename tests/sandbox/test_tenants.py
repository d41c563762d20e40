"""What belongs to one tenant, which is one ``Underpass`` and its folder, is not there for another."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from underpass import Underpass
from underpass.sandbox import user

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("R17"),
    pytest.mark.skipif(sys.platform != "linux", reason="the process sandbox needs Linux"),
]

LOOK = """
import glob, os
names = ("secret.txt", "data/secret.txt")
places = ["/", "/workspaces/", "/workspace/", "/agent/", "/tmp/", "../", "../../", OTHER + "/"]
paths = [place + agent + name for place in places for agent in ("", "default/") for name in names]
seen = [path for path in paths if os.path.exists(path)]
opened = []
for place in (OTHER, OTHER + "/default", "/proc/1/root" + OTHER):
    try:
        opened.append(os.listdir(place))
    except OSError:
        pass
processes = [path for path in ("/proc", "/proc/1", "/proc/self") if os.path.exists(path)]
[seen, opened, processes, os.getpid(), glob.glob("**/secret*", recursive=True)]
"""
HOLD = """
import time
from mcp_runtime import progress
open('data/secret.txt', 'w').write('of the other')
progress(1)
{work}
"""


@asynccontextmanager
async def two(folder: Path) -> AsyncGenerator[tuple[Underpass, Underpass]]:
    async with Underpass.open(None, home=folder / "a") as a, Underpass.open(None, home=folder / "b") as b:
        yield a, b


async def run_beside(held: Underpass, work: str, beside: Underpass, code: str) -> tuple[object, object]:
    """Run ``code`` while the other tenant's program is at ``work``; return both values."""
    values: list[object] = []
    at_work = anyio.Event()

    async def note(_value: float, _total: float | None, _message: str | None) -> None:
        at_work.set()

    async def hold() -> None:
        result = await held.run(HOLD.format(work=work), timeout=60, on_progress=note)
        values.append(result.value if result.error is None else result.error.message)
        at_work.set()

    seen: list[object] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        await at_work.wait()
        result = await beside.run(code, timeout=60)
        seen.append(result.value if result.error is None else result.error.message)
        if "sleep" in work:
            tasks.cancel_scope.cancel()
    return seen[0], values[0] if values else None


async def test_a_tenant_sees_no_file_and_no_process_of_another(tmp_path: Path) -> None:
    code = f"OTHER = {str(tmp_path / 'a' / 'workspace')!r}\n{LOOK}"
    async with two(tmp_path) as (a, b):
        value, _ = await run_beside(a, "time.sleep(50)", b, code)
    assert value == [[], [], [], 1, []]


async def test_a_tenant_cannot_signal_the_processes_of_another(tmp_path: Path) -> None:
    code = """
import os, signal
hit = 0
for number in range(2, 5000):
    try:
        os.kill(number, signal.SIGTERM)
        hit += 1
    except OSError:
        pass
hit
"""
    async with two(tmp_path) as (a, b):
        value, held = await run_beside(a, "sum(range(10_000_000))", b, code)
    assert (value, held) == (0, sum(range(10_000_000)))


async def test_tenants_have_zygotes_of_their_own(tmp_path: Path) -> None:
    code = "[hash('x'), id(object)]"
    async with two(tmp_path) as (a, b):
        first, again, other = [(await up.run(code)).value for up in (a, a, b)]
    assert first == again
    assert first != other


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can give users away")
async def test_tenants_have_users_of_their_own(tmp_path: Path) -> None:
    async with two(tmp_path) as (a, b):
        for up in (a, b):
            assert (await up.run("open('mine', 'w').write('x')")).ok
    owners = [(tmp_path / name / "workspace" / "default" / "mine").stat().st_uid for name in "ab"]
    assert owners == [user.owner(tmp_path / name / "workspace") for name in "ab"]
    assert len({*owners, 0}) == 3


async def test_a_tenant_that_takes_all_it_can_does_not_stop_another(tmp_path: Path) -> None:
    greedy = """
import _thread, threading
threading.stack_size(65_536)
stop = threading.Event()
try:
    while True:
        _thread.start_new_thread(stop.wait, ())
except (RuntimeError, MemoryError):
    pass
open('/tmp/fill', 'wb').write(b'x' * (50 << 20))
progress(2)
time.sleep(50)
"""
    code = "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\nsum(range(1000))"
    async with two(tmp_path) as (a, b):
        value, _ = await run_beside(a, greedy, b, code)
    assert value == sum(range(1000))
