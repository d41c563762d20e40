"""Ten thousand runs of every kind leave nothing behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.soak.traces import Traces, below, children, control_groups, still_there, taken, until

from underpass import RunResult, Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's"),
    pytest.mark.slow,
    pytest.mark.anyio,
]

WARM_UP = 500
RUNS = 10_000
LATE = 9_000
"""Runs after which the first zygote is still at work, and as large as it will ever be."""
IN_FLIGHT = 32
IDLE = 4
"""Children that wait in the pool at most."""
RESIDENT = 2
"""The zygote and the checker of types."""
HOST_MARGIN = 16 << 20
"""Bytes: caches fill, each database's own among them."""
LATE_MARGIN = 2 << 20
ZYGOTE_MARGIN = 2 << 20
"""Bytes: over the last thousand runs, a leak of two kilobytes a run would be two million."""


async def echo(arguments: Mapping[str, Any]) -> ToolOutcome:
    return ToolOutcome(structured=dict(arguments), has_structured=True)


def demo() -> InMemoryUpstream:
    upstream = InMemoryUpstream("demo")
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    upstream.add(ToolDefinition("demo", "echo", "Says the same", input_schema=schema), echo)
    return upstream


def error_of(result: RunResult) -> str | None:
    return None if result.error is None else result.error.type


# Each kind of program, how many in a hundred runs are of it, and what must come of it.
KINDS: tuple[tuple[int, str, dict[str, Any], Any, str | None], ...] = (
    (40, "1 + 1", {}, 2, None),
    (
        10,
        "import asyncio\nawait asyncio.gather(*(asyncio.sleep(0, n) for n in range(3)))",
        {},
        [0, 1, 2],
        None,
    ),
    (10, "print('x' * 5_000)\n'y' * 5_000", {"max_tokens": 5_000}, "y" * 5_000, None),
    (15, "from mcp_servers import demo\nawait demo.echo(n=7)", {}, {"n": 7}, None),
    (10, "{}['missing']", {}, None, "KeyError"),
    (2, "def", {}, None, "SyntaxError"),
    (
        2,
        "from mcp_runtime import call_tool\nawait call_tool('demo', 'echo', {'n': 'no number'})",
        {},
        None,
        "ToolArgumentsInvalid",
    ),
    (3, "while True: pass", {"timeout": 0.05}, None, "Timeout"),
    (3, "import asyncio\nawait asyncio.sleep(60)", {"timeout": 0.05}, None, "Timeout"),
    (2, "import os\nos.abort()", {}, None, "SandboxCrashed"),
    (1, "import os\nos._exit(3)", {}, None, "SandboxCrashed"),
    (1, "import os\nos.close(3)\nimport time\ntime.sleep(60)", {}, None, "SandboxCrashed"),
    (1, "open('/tmp/file', 'w').write('x' * 1_000_000)\nopen('data/file', 'w').write('x')", {}, 1, None),
)
ORDER = [kind for kind in KINDS for _ in range(kind[0])]


async def run_many(up: Underpass, count: int) -> list[str]:
    """Run ``count`` programs, the kinds mixed; return what was not as it must be."""
    wrong: list[str] = []
    numbers = iter(range(count))

    async def loop() -> None:
        for number in numbers:
            # 37 and 100 have no common factor: every kind gets its share, in no obvious order.
            _, code, options, value, error = ORDER[number * 37 % 100]
            result = await up.run(code, agent=f"agent-{number % 8}", **options)
            if (result.value, error_of(result)) != (value, error):
                wrong.append(f"{code!r}: {result.value!r}, {result.error}")

    async with anyio.create_task_group() as tasks:
        for _ in range(IN_FLIGHT):
            tasks.start_soon(loop)
    return wrong


def is_quiet(others: Collection[int]) -> bool:
    """Whether only what stays is left, and the children that wait."""
    return taken(others).processes <= RESIDENT + IDLE


def has_no_more(after: Traces, *, than: Traces) -> None:
    """Fail where something has become more; between runs, two to four children wait."""
    assert after.zombies == 0
    assert after.processes <= RESIDENT + IDLE
    assert after.descriptors <= than.descriptors + IDLE // 2
    assert after.zygote_descriptors == than.zygote_descriptors
    # anyio keeps worker threads for the next use; a leak would be one for each of many runs.
    assert after.threads <= than.threads + 8
    assert after.mounts == than.mounts
    assert len(after.zygote_mounts) == len(than.zygote_mounts) == 1
    assert len(after.zygote_mounts[0]) == len(than.zygote_mounts[0])
    assert len(after.control_groups) == len(than.control_groups)
    assert after.memory - than.memory < HOST_MARGIN
    assert after.zygote_memory - than.zygote_memory < ZYGOTE_MARGIN


async def test_ten_thousand_mixed_runs_leave_nothing_behind(tmp_path: Path) -> None:
    others = children(os.getpid())
    outside, quiet = taken(others), partial(is_quiet, others)
    async with Underpass.open({"demo": demo()}, home=tmp_path) as up:
        assert not await run_many(up, WARM_UP)
        await until(quiet)
        before = taken(others)
        assert not await run_many(up, LATE)
        await until(quiet)
        late = taken(others)
        assert not await run_many(up, RUNS - LATE)
        await until(quiet)
        after = taken(others)
    for name, picture in {"before": before, "late": late, "after": after}.items():
        # Shown with `pytest -s`, and whenever the test fails.
        print(
            f"{name}: host {picture.memory / 1e6:.1f} MB, {picture.descriptors} descriptors; "
            f"zygote {picture.zygote_memory / 1e6:.1f} MB"
        )
    for picture in (late, after):
        has_no_more(picture, than=before)
    assert after.memory - late.memory < LATE_MARGIN
    closed = taken(others)
    assert closed.processes == outside.processes
    assert closed.zombies == 0
    assert closed.mounts == outside.mounts
    assert closed.zygote_mounts == closed.zygote_descriptors == ()
    assert closed.descriptors <= outside.descriptors
    agents = sorted(folder.name for folder in (tmp_path / "workspace").iterdir())
    assert agents == [f"agent-{number}" for number in range(8)]


async def test_closing_leaves_no_process_and_no_control_group(tmp_path: Path) -> None:
    others = children(os.getpid())
    left: list[int] = []
    before = control_groups()
    for _ in range(20):
        async with Underpass.open(home=tmp_path) as up:
            await up.run("1")
            family = below(os.getpid(), but=others)
        left += still_there(family)
    assert not left
    assert control_groups() == before
