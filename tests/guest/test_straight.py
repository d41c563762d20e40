"""Programs whose calls wait on the spot, without an event loop."""

from __future__ import annotations

import pytest
from tests.guest.conftest import RunInside
from tests.guest.test_guest import error, value

from underpass.guest.straight import needs_loop

_ONE_CALL = "from mcp_runtime import call_tool\nresult = await call_tool('demo', 'echo', {'n': 1})\n"


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio",
        "import json, asyncio",
        "import asyncio as aio",
        "import json as j, asyncio as a",
        "from asyncio import gather",
        "import pandas",
        "import sys\nsys.modules['asyncio']",
        "__import__('asyncio')",
        "if True:\n    import threading",
        "x = 1; import asyncio",
        "from mcp_servers import (\n    demo,\n)\nimport anyio.abc",
        "text = 'how to import asyncio'",
    ],
)
def test_what_may_reach_a_loop_gets_one(source: str) -> None:
    assert needs_loop(source)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "1 + 1",
        "from mcp_servers import demo",
        "import json, re\nfrom datetime import date",
        "  import math",
        "import json as j, math as m",
    ],
)
def test_a_program_of_calls_alone_needs_none(source: str) -> None:
    assert not needs_loop(source)


@pytest.mark.parametrize("loop", ["", "import asyncio\n"], ids=["straight", "loop"])
def test_calls_behave_the_same_with_and_without_a_loop(run_inside: RunInside, loop: str) -> None:
    code = """
from mcp_runtime import ToolFailed, call_tool
async def twice(n):
    return [await call_tool("demo", "echo", {"n": n}), await call_tool("demo", "echo", {"n": n + 1})]
async def each():
    for n in range(2):
        yield await call_tool("demo", "echo", {"n": n})
try:
    await call_tool("demo", "fail")
except ToolFailed as failed:
    message = str(failed)
[await twice(1), [x async for x in each()], message]
"""
    assert value(run_inside(loop + code)) == [
        [{"n": 1}, {"n": 2}],
        [{"n": 0}, {"n": 1}],
        "it failed (try another)",
    ]


def test_a_call_that_never_ends_is_ended_with_its_line(run_inside: RunInside) -> None:
    outcome = run_inside(f"{_ONE_CALL}await call_tool('demo', 'hang')", timeout=0.3)
    assert error(outcome)["type"] == "TimeLimit"
    assert error(outcome)["line"] == 3


def test_awaiting_what_needs_a_loop_says_what_to_do(run_inside: RunInside) -> None:
    code = """
class Strange:
    def __await__(self):
        yield 1
await Strange()
"""
    assert "import asyncio" in error(run_inside(code))["message"]
