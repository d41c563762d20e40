"""What a check of types does to a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.execution.conftest import Open, echo, server

from underpass import Underpass

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R13", "R16")]

_EFFECTS_FIRST = """
from mcp_servers import demo
from mcp_runtime import workspace
await workspace.save_data("data/x.json", 1)
await demo.echo(a=1)
await demo.ecko(a=2)
"""


async def test_a_program_that_would_fail_later_does_nothing_at_all(opened: Open, tmp_path: Path) -> None:
    called: list[Mapping[str, Any]] = []

    async def noting(arguments: Mapping[str, Any]) -> Any:
        called.append(arguments)
        return {}

    async with opened(server("demo", echo=noting)) as up:
        await _warm(up)
        result = await up.run(_EFFECTS_FIRST)
        assert (result.ok, result.value, result.checked, result.tool_calls) == (False, None, True, ())
        assert result.error is not None
        assert (result.error.type, result.error.tool_calls_done) == ("ValidationFailed", 0)
        assert result.error.message.startswith(
            "line 6: server 'demo' has no tool 'ecko'; did you mean 'echo'?"
        )
        assert result.error.data["line"] == 6
        assert called == []
        assert not (tmp_path / "workspace" / "default" / "data" / "x.json").exists()


async def test_a_check_can_be_left_out_for_one_run_and_for_all(opened: Open) -> None:
    async with opened() as up:
        unchecked = await up.run(_EFFECTS_FIRST, check=False)
        assert (unchecked.checked, len(unchecked.tool_calls)) == (False, 1)
        assert unchecked.error is not None
        assert unchecked.error.type == "AttributeError"
    async with opened(server("demo", echo=echo), **{"run.check": False}) as up:
        up.warm_up()
        assert (await up.run("1 + 1")).checked is False
        await _warm(up)
        assert (await up.run(_EFFECTS_FIRST, check=True)).tool_calls == ()


async def test_a_run_that_was_checked_says_so(opened: Open) -> None:
    async with opened() as up:
        up.warm_up()
        await _warm(up)
        result = await up.run("from mcp_servers import demo\nreturn await demo.echo(a=1)")
        assert (result.value, result.checked, result.to_dict()["checked"]) == ({"a": 1}, True, True)


async def test_what_is_no_syntax_is_said_by_python_itself(opened: Open) -> None:
    async with opened() as up:
        result = await up.run("from mcp_servers import demo\nif True print(1)\ndemo.ecko")
        assert result.error is not None
        assert (result.error.type, result.error.data["line"]) == ("SyntaxError", 2)


async def _warm(up: Underpass) -> None:
    """Wait until the checker is up, however slow the machine."""
    while (await up.run("1", check=True)).checked is not True:
        pass
