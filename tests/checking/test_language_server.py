"""The resident process: what it may do wrong, and what it leaves."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from underpass.checking import language_server
from underpass.checking.language_server import Command, LanguageServer, ServerDied

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R13")]

FAKE = str(Path(__file__).with_name("fake_server.py"))
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="by means of Linux")


@asynccontextmanager
async def serving(behaviour: str, folder: Path) -> AsyncGenerator[LanguageServer]:
    command = Command((sys.executable, FAKE, behaviour), "python", ".py", 512, {}, {"a": 1})
    server = LanguageServer(command, folder)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        yield server
        tasks.cancel_scope.cancel()


def children() -> set[int]:
    """The processes that we started and that have not ended."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


@pytest.mark.parametrize("behaviour", ["good", "curious", "busy"])
async def test_a_server_may_ask_back_or_have_no_answer_at_once(behaviour: str, tmp_path: Path) -> None:
    async with serving(behaviour, tmp_path) as server:
        assert await server.diagnose("1") == [{"code": behaviour}]
        assert await server.diagnose("2") == [{"code": behaviour}]


@pytest.mark.parametrize("behaviour", ["mad", "listing", "huge", "mute", "too busy"])
async def test_what_is_no_answer_is_an_error_and_no_more(behaviour: str, tmp_path: Path) -> None:
    async with serving(behaviour, tmp_path) as server:
        with pytest.raises(ServerDied):
            await server.diagnose("1")


async def test_a_command_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    server = LanguageServer(Command((str(tmp_path / "nothing"),), "python", ".py", 512), tmp_path)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        with pytest.raises(ServerDied):
            await server.diagnose("1")
        tasks.cancel_scope.cancel()


async def test_a_server_that_does_not_answer_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_server, "_FIRST_PATIENCE", 0.0)
    async with serving("good", tmp_path) as server:
        with pytest.raises(ServerDied):
            await server.diagnose("1")
        monkeypatch.undo()
        await healthy(server)


async def healthy(server: LanguageServer) -> None:
    """Wait for a new process to answer."""
    with anyio.fail_after(60):
        while True:
            try:
                await server.diagnose("again")
            except ServerDied:
                await anyio.sleep(0.05)  # until it has rested
            else:
                return


@LINUX
async def test_a_killed_server_is_started_again_and_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    before = children()
    async with serving("good", tmp_path) as server:
        await server.diagnose("1")
        (first,) = children() - before
        os.kill(first, signal.SIGKILL)
        await healthy(server)
        (second,) = children() - before
        assert second != first
    assert children() == before


@LINUX
async def test_a_server_has_bounded_memory_and_no_network(tmp_path: Path) -> None:
    before = children()
    async with serving("good", tmp_path) as server:
        await server.diagnose("1")
        (process,) = children() - before
        limit = 512 * 1_048_576
        assert resource.prlimit(process, resource.RLIMIT_DATA) == (limit, limit)
        assert resource.prlimit(process, resource.RLIMIT_CORE) == (0, 0)
        if _network("self") == _network(process):
            pytest.skip("no namespace is to be had here")


def _network(process: object) -> Path:
    return Path(f"/proc/{process}/ns/net").readlink()


async def test_programs_that_come_at_once_are_checked_in_turn(tmp_path: Path) -> None:
    async with serving("good", tmp_path) as server, anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(server.diagnose, str(number))
