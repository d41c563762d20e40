"""An agent's files stay within their quota, and whoever fills it learns why and what to do."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.server.mcpserver import Image, MCPServer

from underpass import RunResult, Underpass, WorkspaceFull

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("R25"),
    pytest.mark.requirement("R14"),
    pytest.mark.skipif(sys.platform != "linux", reason="the process sandbox needs Linux"),
]
FILL = "open('big', 'wb').write(b'x' * (9 << 20))"
MANY = "for n in range(200): open(f'data/{n}', 'wb').write(b'x' * 100_000)"
FOREVER = "n = 0\nwhile True:\n    open(f'data/{n}', 'wb').write(b'x' * 500_000)\n    n += 1"


@asynccontextmanager
async def opened(home: Path, servers: Any = None, **settings: Any) -> AsyncGenerator[Underpass]:
    limits = {"workspace.quota_mb": 10, **settings}
    async with Underpass.open(servers, home=home, settings=limits) as up:
        yield up


def assert_full(result: RunResult, limit: str = "quota_mb") -> None:
    """The error names itself, the value and the setting that changes it."""
    assert result.error is not None
    assert result.error.type == WorkspaceFull.__name__
    assert result.error.data["limit"] == limit
    assert result.error.data["setting"] == f"workspace.{limit}"
    assert f"{result.error.data['value']:,}" in result.error.message
    assert f"workspace.{limit}" in result.error.hint


def held(home: Path, agent: str = "default") -> int:
    return sum(path.stat().st_size for path in (home / "workspace" / agent).rglob("*") if path.is_file())


async def test_one_file_cannot_grow_past_the_quota(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        result = await up.run("x = 1\nopen('big', 'wb').write(b'x' * (20 << 20))")
        assert_full(result)
        assert result.error is not None
        assert "line 2" in result.error.message
    assert held(tmp_path) <= 10 << 20


async def test_a_full_workspace_can_be_read_and_cleared_but_not_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        await up.run("open('big', 'wb').write(b'x' * (20 << 20))")
        assert (await up.run("open('big', 'rb').read(2).decode()")).value == "xx"
        for code in (
            "with open('small', 'w') as file: file.write('x')",
            "open('small', 'w').write('x')",
            "file = open('small', 'w')\nfile.write('x')",
            "from mcp_runtime import workspace\nawait workspace.save_data('small', 'x')",
        ):
            assert_full(await up.run(code))
        assert (await up.run("import os\nos.remove('big')")).ok
        assert (await up.run("open('small', 'w').write('x')")).ok
    assert held(tmp_path) == 1


async def test_many_files_of_a_short_run_are_counted_at_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        assert_full(await up.run(f"{MANY}\n7"))
        assert (await up.run("len(__import__('os').listdir('data'))")).ok


async def test_a_run_that_goes_on_writing_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path, **{"workspace.quota_mb": 50}) as up:
        result = await up.run(FOREVER, timeout=60)
        assert_full(result)
        assert result.value is None
        assert (await up.run("1", agent="other")).value == 1


async def test_too_many_files_are_as_bad_as_too_large_ones(tmp_path: Path) -> None:
    async with opened(tmp_path, **{"workspace.max_files": 300}) as up:
        assert_full(await up.run("for n in range(400): open(f'data/{n}', 'w').close()"), "max_files")
        assert (await up.run("import shutil\nshutil.rmtree('data')")).ok
        assert (await up.run("open('small', 'w').write('x')")).ok


async def test_one_agents_files_are_not_anothers(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        assert (await up.run(FILL, agent="a")).ok
        assert (await up.run(FILL, agent="b")).ok
        assert_full(await up.run(FILL.replace("big", "more"), agent="a"))


async def test_a_large_file_may_grow_while_there_is_room(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        assert (await up.run(FILL)).ok
        assert (await up.run("with open('big', 'ab') as file: file.write(b'x' * 500_000)")).ok


async def test_what_an_earlier_host_left_is_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        await up.run(MANY)
    async with opened(tmp_path) as up:
        assert (await up.run("1")).ok
        assert_full(await up.run("open('small', 'w').write('x')"))


async def test_room_that_a_person_makes_is_seen_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        await up.run("open('big', 'wb').write(b'x' * (20 << 20))")
        (tmp_path / "workspace" / "default" / "big").unlink()
        assert (await up.run("open('small', 'w').write('x')")).ok


async def test_a_program_that_makes_room_may_write_a_little_later(tmp_path: Path) -> None:
    code = """
import os
os.remove('big')
while True:
    try:
        with open('small', 'wb') as file:
            file.write(b'x' * 1000)
        break
    except OSError:
        pass
os.path.getsize('small')
"""
    async with opened(tmp_path) as up:
        await up.run("open('big', 'wb').write(b'x' * (20 << 20))")
        assert (await up.run(code)).value == 1000


async def test_what_the_host_keeps_counts_as_well(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        small = await up.run("'x' * 4_000_000")
        assert small.handle is not None
        assert (await up.run("'x' * 4_000_000")).handle is not None
        refused = await up.run("'x' * 4_000_000")
        assert refused.truncated
        assert refused.handle is None
    assert held(tmp_path) < 10 << 20


async def test_a_tools_image_that_does_not_fit_is_an_error_of_the_call(tmp_path: Path) -> None:
    camera = MCPServer("camera")

    @camera.tool()
    def take() -> Image:  # pyright: ignore[reportUnusedFunction] - the decorator registers it
        return Image(data=bytes(3 << 20), format="png")

    code = """
from mcp_servers import camera
from mcp_runtime import ToolLimitExceeded
taken = 0
try:
    while True:
        await camera.take()
        taken += 1
except ToolLimitExceeded as error:
    setting = error.data["setting"]
[taken, setting]
"""
    async with opened(tmp_path, {"camera": camera}) as up:
        assert (await up.run(code)).value == [3, "workspace.quota_mb"]


async def test_a_tools_image_without_a_place_is_an_error_of_the_call(tmp_path: Path) -> None:
    camera = MCPServer("camera")

    @camera.tool()
    def take() -> Image:  # pyright: ignore[reportUnusedFunction] - the decorator registers it
        return Image(data=b"x", format="png")

    code = "import os\nfrom mcp_servers import camera\nos.rmdir('results')\nopen('results', 'w').close()\n"
    async with opened(tmp_path, {"camera": camera}) as up:
        result = await up.run(f"{code}await camera.take()")
        assert result.error is not None
        assert result.error.type == "ToolError"
        assert "results" in result.error.hint


async def test_a_file_over_its_own_limit_names_that(tmp_path: Path) -> None:
    async with opened(tmp_path, **{"workspace.quota_mb": 50, "run.file_mb": 1}) as up:
        error = (await up.run("open('big', 'wb').write(b'x' * (2 << 20))")).error
        assert error is not None
        assert (error.type, error.data["setting"], error.data["value"]) == (
            "LimitExceeded",
            "run.file_mb",
            1,
        )


async def test_without_isolation_a_full_workspace_is_still_an_error(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path, sandbox="none", settings={"workspace.quota_mb": 10}) as up:
        assert_full(await up.run(MANY))
        assert_full(await up.run(FOREVER.replace("data/", "results/"), timeout=60))
