"""A run that asks for it leaves its agent's files as they were when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from underpass import Underpass, ValidationFailed

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R27")]

LANGUAGES = ("python", "typescript")
BEGIN = {
    "python": """
from mcp_runtime import workspace
await workspace.save_data("data/kept.txt", "before")
await workspace.save_data("data/gone.txt", "x")
""",
    "typescript": """
import { workspace } from "mcp-runtime";
await workspace.saveData("data/kept.txt", "before");
await workspace.saveData("data/gone.txt", "x");
""",
}
CHANGE = {
    "python": """
from mcp_runtime import workspace
await workspace.save_data("data/kept.txt", "after")
await workspace.save_data("data/new.txt", "new")
await workspace.delete("data/gone.txt")
""",
    "typescript": """
import { workspace } from "mcp-runtime";
await workspace.saveData("data/kept.txt", "after");
await workspace.saveData("data/new.txt", "new");
await workspace.delete("data/gone.txt");
""",
}
FAIL = {"python": "\n1 / 0", "typescript": "\nthrow new Error('no');"}


def files(home: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (home / "workspace/default/data").iterdir()}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_run_that_fails_is_undone_where_it_asks_for_that(tmp_path: Path, language: str) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        await up.run(BEGIN[language], language=language)
        before = files(tmp_path)
        failing = CHANGE[language] + FAIL[language]
        result = await up.run(failing, language=language, rollback_on_error=True)
        assert result.error is not None
        assert result.error.data["rolled_back"] is True
        assert "as it was before the run" in result.error.hint
        assert files(tmp_path) == before

        result = await up.run(failing, language=language)
        assert files(tmp_path) == {"kept.txt": "after", "new.txt": "new"}, "without that it is not"


async def test_a_run_that_works_is_not_undone(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        await up.run(BEGIN["python"])
        assert (await up.run(CHANGE["python"], rollback_on_error=True)).ok
        assert files(tmp_path) == {"kept.txt": "after", "new.txt": "new"}
        assert up.checkpoints.list("default") == []


@pytest.mark.parametrize(
    "end", ["import os; os._exit(3)", "import time; time.sleep(60)", "import ctypes; ctypes.string_at(0)"]
)
async def test_a_run_that_is_ended_is_undone(tmp_path: Path, end: str) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        await up.run(BEGIN["python"])
        before = files(tmp_path)
        result = await up.run(f"{CHANGE['python']}\n{end}", rollback_on_error=True, timeout=5)
        assert not result.ok
        assert files(tmp_path) == before
        [left] = up.checkpoints.list("default")
        up.checkpoints.restore("default", left.name)
        assert files(tmp_path)["kept.txt"] == "after", "what it had done until then can be looked at"


async def test_a_workspace_that_cannot_be_kept_is_said_before_anything_runs(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        await up.run("1")
        (tmp_path / "workspace/default/data/out").symlink_to("/etc/passwd")
        with pytest.raises(ValidationFailed, match="data/out"):
            await up.run("open('data/ran', 'w')", rollback_on_error=True)
        assert not (tmp_path / "workspace/default/data/ran").exists()
