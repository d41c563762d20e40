"""`serve` with `skills.tools`: a client keeps a run as a skill, and finds it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from tests.cli.command_line import BIN, write_config
from tests.patience import LONG

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R45", "R46", "R47")]

PROGRAM = """
from mcp_servers import time
there = await time.convert_time(source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo")
there["time_difference"]
"""
USE = """
from skills import hours_ahead
await hours_ahead.hours_ahead()
"""


async def test_a_run_becomes_a_skill_that_the_next_program_imports(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    (tmp_path / "underpass.toml").write_text("[skills]\ntools = true\n")
    parameters = StdioServerParameters(command=str(BIN / "underpass"), args=["serve"], cwd=tmp_path)
    with anyio.fail_after(LONG):
        async with Client(parameters) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            run = await answer(client, "run_code", code=PROGRAM)
            saved = await answer(client, "save_skill", run=run["run"], name="hours-ahead")
            found = await answer(client, "search_skills", query="hours ahead")
            both = await answer(client, "search_tools", query="convert hours ahead", skills=True)
            used = await answer(client, "run_code", code=USE)
            unknown = await client.call_tool("save_skill", {"run": "0" * 26, "name": "x"})
            scope = await client.call_tool("save_skill", {"run": run["run"], "name": "x", "scope": "all"})
            limit = await client.call_tool("search_skills", {"query": "x", "limit": 0})
    assert names[-2:] == ["save_skill", "search_skills"]
    assert (saved["name"], saved["scope"], saved["import"]) == (
        "hours-ahead",
        "agent",
        "from skills import hours_ahead",
    )
    assert [skill["name"] for skill in found["skills"]] == ["hours-ahead"]
    assert {"skills", "time"} == {each["module"] for each in both["tools"]}
    assert "from skills import hours_ahead" in str(both["tools"])
    assert run["value"] == used["value"] == "+9.0h"
    assert used["tool_calls"] == 1
    for failed, said in ((unknown, "run"), (scope, "there are: agent, project, user"), (limit, "1 to 50")):
        assert failed.is_error
        assert said in str(failed.content)


async def answer(client: Client, tool: str, **arguments: Any) -> Any:
    """Return what a tool answers, as an object."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content
