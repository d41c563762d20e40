"""`underpass sessions`, beside a process that has some."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest
from tests.cli.command_line import underpass, write_config

from underpass import Underpass

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R19")]


async def test_the_sessions_of_processes_that_live_are_listed(tmp_path: Path) -> None:
    write_config(tmp_path)
    ask = partial(anyio.to_thread.run_sync, lambda: underpass("sessions", cwd=tmp_path).stdout)
    assert "no session" in await ask()
    async with Underpass.open(None, home=tmp_path) as up:
        await up.run("x = 1", session="analysis", agent="reviewer")
        lines = [line.split() for line in (await ask()).splitlines()]
        assert lines[1][:5] == ["reviewer", "analysis", "python", "idle", "for"]
        assert lines[1][-1] == str(os.getpid())
        shown = await anyio.to_thread.run_sync(lambda: underpass("sessions", "--json", cwd=tmp_path).stdout)
        (session,) = json.loads(shown)["sessions"]
        assert (session["name"], session["agent"], session["runs"]) == ("analysis", "reviewer", 1)
    assert "no session" in await ask()


async def test_the_sessions_of_a_process_that_was_killed_are_not_listed(tmp_path: Path) -> None:
    write_config(tmp_path)
    folder = tmp_path / ".underpass" / "sessions"
    (folder / "alive").mkdir(parents=True)
    (folder / "alive" / "dead").touch()
    (folder / "dead.json").write_text('{"pid": 1, "written": 0, "sessions": []}', encoding="utf-8")
    shown = await anyio.to_thread.run_sync(lambda: underpass("sessions", cwd=tmp_path).stdout)
    assert "no session" in shown
    assert not (folder / "dead.json").exists()
