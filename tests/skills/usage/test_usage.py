"""The figures of skills: counted by skill, digest and agent, and kept."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from tests.patience import LONG

from underpass.skills.skill import Use
from underpass.skills.usage import Figures, SkillUsage
from underpass.skills.usage import usage as usage_module

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R46")]


def use(
    name: str = "add-up", *, digest: str = "d1", agent: str = "a", ok: bool = True, at: float = 1e9
) -> Use:
    return Use(name, "1.0.0", digest, "run", agent, at, ok, 10.0 if ok else 40.0)


async def test_uses_are_counted_by_digest_and_agent_and_outlive_the_process(tmp_path: Path) -> None:
    async with SkillUsage(tmp_path) as usage:
        for each in (use(), use(at=1e9 + 60), use(ok=False, agent="b"), use(digest="d2"), use("other")):
            usage.note(each)
    async with SkillUsage(tmp_path) as usage:
        found = usage.of("add-up", "d1")
        assert found == Figures(3, 2, 60.0, 1e9 + 60, 2)
        assert found.to_dict() == {
            "uses": 3,
            "success": 0.6667,
            "average_ms": 20.0,
            "last_used": "2001-09-09T01:47:40+00:00",
            "agents": 2,
        }
        assert usage.of("add-up").uses == 4
        assert usage.of("add-up", agents="b").uses == 1
        assert {digest: each.uses for digest, each in usage.all().items()} == {"d1": 4, "d2": 1}
        assert usage.success(["add-up", "other", "never"]) == {"add-up": (4, 0.75), "other": (1, 1.0)}


async def test_a_skill_that_was_never_used_has_no_shares(tmp_path: Path) -> None:
    async with SkillUsage(tmp_path) as usage:
        assert usage.of("add-up").to_dict() == {
            "uses": 0, "success": None, "average_ms": None, "last_used": None, "agents": 0,
        }  # fmt: skip
        assert usage.success(["add-up"]) == {}
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240


async def test_uses_are_written_in_the_background_and_seen_by_other_processes(tmp_path: Path) -> None:
    async with SkillUsage(tmp_path) as usage, SkillUsage(tmp_path) as other:
        assert other.success(["add-up"]) == {}
        usage.note(use())
        deadline = time.monotonic() + LONG
        while not (found := other.success(["add-up"])) and time.monotonic() < deadline:  # noqa: ASYNC110 - a file
            await anyio.sleep(0.02)
        assert found == {"add-up": (1, 1.0)}


async def test_more_uses_than_can_wait_are_lost_and_counted_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_module, "MOST_WAITING", 3)
    async with SkillUsage(tmp_path) as usage:
        for _ in range(5):
            usage.note(use())
        assert usage.lost == 2
        assert usage.of("add-up").uses == 3


async def test_only_so_many_are_kept_the_longest_unused_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_module, "MOST_ROWS", 2)
    async with SkillUsage(tmp_path) as usage:
        for number in range(4):
            usage.note(use(f"s{number}", digest=f"d{number}", at=1e9 - number))
        assert set(usage.all()) == {"d0", "d1"}


async def test_a_file_in_the_way_does_not_stop_anybody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "skills").write_text("no folder")
    async with SkillUsage(tmp_path / "skills") as usage:
        usage.note(use())
        usage.settle()
        usage.note(use())
        usage.settle()
        assert usage.lost == 2
        assert usage.success(["add-up"]) == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_damaged_file_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / usage_module.FILE_NAME).write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    async with SkillUsage(tmp_path) as usage:
        usage.note(use())
        assert usage.of("add-up").uses == 1
    assert list(tmp_path.glob("*.corrupt"))  # noqa: ASYNC240


async def test_two_processes_add_up(tmp_path: Path) -> None:
    async with SkillUsage(tmp_path) as one, SkillUsage(tmp_path) as other, anyio.create_task_group() as tasks:
        for usage in (one, other):
            for _ in range(200):
                usage.note(use())
            tasks.start_soon(anyio.to_thread.run_sync, usage.settle)
    with sqlite3.connect(tmp_path / usage_module.FILE_NAME) as connection:
        assert connection.execute("SELECT sum(uses) FROM uses").fetchone()[0] == 400
    connection.close()
