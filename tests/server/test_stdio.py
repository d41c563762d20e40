import os
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from tests.patience import LONG

from underpass.server import stdio
from underpass.server.stdio import LineReader

pytestmark = [pytest.mark.requirement("R21"), pytest.mark.anyio]


async def lines(content: bytes) -> list[str]:
    """What a reader makes of a pipe that holds ``content``."""
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError):  # a reader may have read enough
            os.write(writing, content)
        os.close(writing)

    found: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, write)
        with anyio.fail_after(LONG):
            found = [line async for line in LineReader(reading)]
        os.close(reading)
    return found


async def test_lines_are_read_whole_whatever_their_length() -> None:
    long = "x" * 200_000
    assert await lines(f"a\n\n{long}\nend".encode()) == ["a", "", long, "end"]
    assert await lines(b"") == []


async def test_bytes_that_are_no_text_are_replaced() -> None:
    assert await lines(b"\xffa\n") == ["\ufffda"]


async def test_a_line_without_end_ends_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_LONGEST", 100_000)
    assert await lines(b"a\n" + b"x" * 200_000) == ["a"]


async def test_waiting_for_a_line_can_be_cancelled() -> None:
    reading, writing = os.pipe()
    with anyio.move_on_after(0.01) as scope:
        async for _ in LineReader(reading):
            raise AssertionError("nothing was written")
    assert scope.cancelled_caught
    os.close(reading)
    os.close(writing)


async def test_a_regular_file_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"a\nb\n")
    descriptor = os.open(tmp_path / "input", os.O_RDONLY)
    assert [line async for line in LineReader(descriptor)] == ["a", "b"]
    os.close(descriptor)
