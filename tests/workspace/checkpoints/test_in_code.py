"""A program keeps its files and goes back to them, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from underpass import Underpass

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R26")]

LANGUAGES = ("python", "typescript")
THERE_AND_BACK = {
    "python": """
from mcp_runtime import workspace
await workspace.save_data("data/rows.json", [1, 2, 3])
kept = await workspace.checkpoint("before-filter")
await workspace.save_data("data/rows.json", [1])
await workspace.save_data("data/more.txt", "more")
done = await workspace.restore("before-filter")
undo = await workspace.restore(done["before"])
[kept["files"], done["changes"], await workspace.load_data("data/rows.json"), await workspace.list("data"),
 [each["name"] for each in await workspace.checkpoints()][0], undo["changes"]]
""",
    "typescript": """
import { workspace } from "mcp-runtime";
await workspace.saveData("data/rows.json", [1, 2, 3]);
const kept = await workspace.checkpoint("before-filter");
await workspace.saveData("data/rows.json", [1]);
await workspace.saveData("data/more.txt", "more");
const done = await workspace.restore("before-filter");
const undo = await workspace.restore(done.before!);
return [kept.files, done.changes, await workspace.loadData("data/rows.json"), await workspace.list("data"),
  (await workspace.checkpoints())[0].name, undo.changes];
""",
}
WRONG = {
    "python": """
from mcp_runtime import ToolError, workspace
try:
    await workspace.restore("no-such")
except ToolError as error:
    said = str(error)
said
""",
    "typescript": """
import { ToolError, workspace } from "mcp-runtime";
let said = "";
try { await workspace.restore("no-such"); } catch (error) {
  if (error instanceof ToolError) said = `${error.message} ${error.hint}`;
}
said
""",
}


async def value(home: Path, language: str, code: str) -> Any:
    async with Underpass.open(None, home=home) as up:
        result = await up.run(code, language=language)
        assert result.error is None, result.error
        return result.value


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_program_goes_back_to_what_it_kept_and_undoes_that(tmp_path: Path, language: str) -> None:
    found = await value(tmp_path, language, THERE_AND_BACK[language])
    assert found == [1, 2, [1], ["data/more.txt", "data/rows.json"], "before-filter", 2]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_checkpoint_that_is_not_there_is_an_error_to_catch(tmp_path: Path, language: str) -> None:
    said = await value(tmp_path, language, WRONG[language])
    assert "has no checkpoint 'no-such'" in said
    assert "none yet" in said


async def test_another_run_of_the_agent_restores_and_another_agent_sees_nothing(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        head = "from mcp_runtime import workspace\n"
        await up.run(f"{head}await workspace.save_data('a.txt', 'one')\nawait workspace.checkpoint('x')")
        await up.run(f"{head}await workspace.save_data('a.txt', 'two')")
        result = await up.run(f"{head}await workspace.restore('x')\nawait workspace.load_data('a.txt')")
        assert result.value == "one"
        other = await up.run(f"{head}await workspace.checkpoints()", agent="other")
        assert other.value == []
