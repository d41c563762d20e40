"""Runs that are answered with the result of an equal one, and those that are not; with a real server."""

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from underpass import RunResult, Underpass
from underpass.broker.cache.store import place_of
from underpass.broker.journal import JournalStore
from underpass.catalog.catalog import Catalog
from underpass.catalog.lock import ToolLock
from underpass.execution.reuse.fingerprint import fingerprint

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R18")]
SERVER = Path(__file__).parents[1] / "servers" / "remembering.py"
PYTHON = 'from mcp_servers import notes\n(await notes.read(name="a"))["text"]'
TYPESCRIPT = 'import { notes } from "mcp-servers";\nreturn (await notes.read({ name: "a" })).text;'
READING = {"policy.trusted": ["notes"], "cache.read_only": True}


def configure(folder: Path, *words: str, **env: str) -> Path:
    path = folder / ".mcp.json"
    server = {"command": sys.executable, "args": [str(SERVER), str(folder), *words], "env": env}
    path.write_text(json.dumps({"mcpServers": {"notes": server}}))
    return path


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


async def settled(folder: Path, agent: str = "default") -> None:
    """Wait until the agent's files have been left alone for a moment: there is a fingerprint then."""
    while fingerprint(folder / "workspace" / agent) is None:
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def opened(folder: Path, *words: str, **more: Any) -> AsyncGenerator[Underpass]:
    """An Underpass whose agents have their folders, in which nothing was changed just now."""
    config = folder / ".mcp.json"
    if words or not config.exists():
        configure(folder, *words)
    async with Underpass.open(config, settings={**READING, **more}) as up:
        for agent in ("default", "other"):
            await up.run("1", agent=agent)
            await settled(folder, agent)
        yield up


async def run(up: Underpass, code: str = PYTHON, **more: Any) -> RunResult:
    result = await up.run(code, cache=True, **more)
    assert result.error is None
    return result


@pytest.mark.parametrize(("language", "code"), [("python", PYTHON), ("typescript", TYPESCRIPT)])
async def test_an_equal_run_is_answered_with_the_first_one_s_result_until_something_is_written(
    tmp_path: Path, language: str, code: str
) -> None:
    async with opened(tmp_path) as up:
        first = await run(up, code, language=language)
        second = await run(up, code, language=language)
        assert (first.cached, second.cached) == (False, True)
        assert second.value == first.value == ""
        assert second.run != first.run
        assert [call.cached for call in second.tool_calls] == [True]
        assert second.to_dict()["cached"] is True
        assert calls(tmp_path) == ["read a"]
        await up.call_tool("notes", "write", {"name": "a", "text": "new"})
        third = await run(up, code, language=language)
        assert (third.cached, third.value) == (False, "new")
        journal = JournalStore(tmp_path / ".underpass" / "journal")
    record = journal.find(second.run)
    assert record is not None
    assert (record.cause, record.calls) == ("cached", 0)
    journal.close()


async def test_the_calls_of_programs_are_kept_as_well_for_the_programs_of_their_agent(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        await up.run(PYTHON)
        again = await up.run(PYTHON + "\n")
        typescript = await up.run(TYPESCRIPT, language="typescript")
        assert [call.cached for call in (*again.tool_calls, *typescript.tool_calls)] == [True, True]
        assert not again.cached
        assert (await up.run(PYTHON, agent="other")).tool_calls[0].cached is False
    assert calls(tmp_path) == ["read a", "read a"]


async def test_a_later_process_uses_what_an_earlier_one_has_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        await run(up)
    async with opened(tmp_path) as up:
        assert (await run(up)).cached
        assert (await up.run(PYTHON)).tool_calls[0].cached
    assert calls(tmp_path) == ["read a"]


async def test_a_run_is_not_like_one_of_another_agent_or_with_other_settings_or_other_files(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as up:
        await run(up)
        assert not (await run(up, agent="other")).cached
        assert not (await run(up, max_tokens=100)).cached
        assert not (await run(up, filename="other.py")).cached
        assert not (await run(up, PYTHON + " ")).cached
        assert (await run(up)).cached
        (tmp_path / "workspace" / "default" / "data" / "x").write_text("x")
        await settled(tmp_path)
        assert not (await run(up)).cached
        assert (await run(up)).cached
    async with opened(tmp_path, **{"run.memory_mb": 400}) as up:
        assert not (await run(up)).cached


@pytest.mark.parametrize(
    "code",
    [
        'open("data/x", "w").write("x")',
        'import os\nos.mkdir("data/x"); os.rmdir("data/x")',
        'from mcp_servers import notes\nawait notes.write(name="a", text="x")',
        "from mcp_runtime import search_tools\nlen(await search_tools('note'))",
        "from mcp_servers import notes\ntry:\n    await notes.read(name=1)\nexcept Exception:\n    pass",
        "list(range(10_000))",
        "print('x' * 100_000)",
        "from mcp_servers import notes\n(await notes.draw())['bytes']",
    ],
)
async def test_a_run_is_not_kept_that_did_more_than_read(tmp_path: Path, code: str) -> None:
    async with opened(tmp_path) as up:
        for _ in range(2):
            assert not (await run(up, code, check=False)).cached
            await settled(tmp_path)


async def test_a_failed_run_or_one_of_a_session_is_not_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        for _ in range(2):
            failed = await up.run("1 / 0", cache=True)
            assert failed.error is not None
            assert not failed.cached
            assert not (await run(up, session="s")).cached


async def test_runs_without_tools_are_kept_and_the_clock_of_the_first_holds(tmp_path: Path) -> None:
    async with opened(tmp_path, **{"cache.runs": True}) as up:
        first = await up.run("import time\ntime.time_ns()")
        again = await up.run("import time\ntime.time_ns()")
        anew = await up.run("import time\ntime.time_ns()", cache=False)
    assert again.value == first.value
    assert again.cached
    assert not anew.cached
    assert anew.value > first.value


async def test_equal_runs_at_once_are_one_run(tmp_path: Path) -> None:
    code = 'from mcp_servers import notes\nawait notes.read_slowly(name="a")'
    results: list[RunResult] = []

    async def one(up: Underpass) -> None:
        results.append(await run(up, code))

    async with opened(tmp_path) as up, anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(one, up)
    assert sorted(result.cached for result in results) == [False, True, True, True]
    assert len({result.run for result in results}) == 4
    assert calls(tmp_path) == ["read_slowly a"]


async def test_equal_runs_at_once_that_write_each_do_so(tmp_path: Path) -> None:
    code = 'from mcp_servers import notes\nawait notes.write(name="a", text="x")'
    async with opened(tmp_path) as up, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(run, up, code)
    assert calls(tmp_path) == ["write a"] * 3


@pytest.mark.slow
async def test_nothing_from_before_is_given_once_a_changed_tool_was_trusted(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        await run(up)
    changed = configure(tmp_path, " In capitals.")
    async with Underpass.open(changed, settings=READING) as up:
        refused = await up.run(PYTHON, cache=True, check=False)
        assert refused.error is not None
        assert "ToolChanged" in refused.error.type
    lock = ToolLock(changed)
    async with Catalog(changed) as catalog:
        lock.accept({"notes": await catalog.listing("notes")})
    async with opened(tmp_path) as up:
        await up.catalog.refresh("notes")
        accepted = await run(up)
        assert not accepted.cached
        assert [call.cached for call in accepted.tool_calls] == [False]
    assert calls(tmp_path) == ["read a", "read a"]


async def test_another_account_of_the_same_server_is_another_server(tmp_path: Path) -> None:
    configure(tmp_path, TOKEN="one")
    async with opened(tmp_path) as up:
        await run(up)
    configure(tmp_path, TOKEN="two")
    async with opened(tmp_path) as up:
        other = await run(up)
    assert not other.cached
    assert [call.cached for call in other.tool_calls] == [False]


async def test_a_kept_run_is_not_given_where_the_policy_forbids_its_calls_by_now(tmp_path: Path) -> None:
    code = 'from mcp_servers import notes\ntry:\n    r = await notes.read(name="a")\n'
    code += "except Exception as error:\n    r = type(error).__name__\nr"
    rate = {"decision": "allow", "tool": "read", "rate": "1/hour"}
    async with opened(tmp_path, **{"policy.rules": [rate]}) as up:
        assert (await run(up, code)).value == {"text": ""}
        refused = await run(up, code)
        assert not refused.cached
        assert refused.value == "ToolLimitExceeded"


async def test_where_nothing_isolates_programs_no_run_is_kept(tmp_path: Path) -> None:
    async with Underpass.open(configure(tmp_path), sandbox="none", settings=READING) as up:
        for _ in range(2):
            assert not (await run(up, "1")).cached


async def test_without_a_declaration_no_call_is_kept(tmp_path: Path) -> None:
    async with Underpass.open(configure(tmp_path)) as up:
        for _ in range(2):
            assert not (await run(up)).cached
    assert calls(tmp_path) == ["read a"] * 2
    assert not list(place_of(tmp_path / ".underpass" / "cache").glob("entries/*/*"))
