"""The peers' side of the benchmark. Runs in their environment, not in ours; see ``peers.py``.

Reads ``<work> <times> <pause>`` a line, and writes the milliseconds that each time took as a JSON list.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

# Not installed where this file is checked.
fastmcp: Any = importlib.import_module("fastmcp")
code_mode: Any = importlib.import_module("fastmcp.experimental.transforms.code_mode")
monty: Any = importlib.import_module("pydantic_monty")

_WARM_UP = 3


async def nothing() -> dict[str, int]:
    """Does nothing."""
    return {"n": 1}


class Works:
    """What can be asked for, by name."""

    def __init__(self, reused: Any, fresh: Any) -> None:
        self._server: Any = fastmcp.FastMCP("idle", transforms=[code_mode.CodeMode()])
        self._server.tool(nothing)
        self._client: Any = fastmcp.Client(self._server)
        self._reused = reused
        self._fresh = fresh

    async def codemode(self) -> None:
        """CodeMode's own tool, called as its server calls it: without a client or a protocol."""
        result = await self._server.call_tool("execute", {"code": "1+1"})
        assert result.content[0].text == "2"

    async def codemode_call(self) -> None:
        """The same with one tool call in the code."""
        result = await self._server.call_tool("execute", {"code": "await call_tool('nothing', {})"})
        assert result.structured_content == {"n": 1}

    async def monty_pool(self) -> None:
        """A pool of its own for each run, as CodeMode has it."""
        async with monty.AsyncMonty() as pool, pool.checkout() as worker:
            assert await worker.feed_run("1+1") == 2

    async def monty_fresh(self) -> None:
        """One pool that gives each worker a single run."""
        async with self._fresh.checkout() as worker:
            assert await worker.feed_run("1+1") == 2

    async def monty_reused(self) -> None:
        """One pool that gives its workers to run after run."""
        async with self._reused.checkout() as worker:
            assert await worker.feed_run("1+1") == 2

    async def monty_1_call(self) -> None:
        """A program with one call."""
        await self._call(1)

    async def monty_101_calls(self) -> None:
        """A program with a hundred calls more."""
        await self._call(101)

    async def _call(self, count: int) -> None:
        async with self._reused.checkout() as worker:
            code = f"for _ in range({count}):\n    await nothing()"
            await worker.feed_run(code, external_lookup={"nothing": nothing})


async def main() -> None:
    """Answer orders until there are no more."""
    async with AsyncExitStack() as stack:
        reused = await stack.enter_async_context(monty.AsyncMonty())
        fresh = await stack.enter_async_context(monty.AsyncMonty(max_checkouts_per_worker=1))
        works = Works(reused, fresh)
        for line in sys.stdin:
            name, times, pause = line.split()
            work = getattr(works, name)
            for _ in range(_WARM_UP):
                await work()
            taken: list[float] = []
            for _ in range(int(times)):
                if float(pause):
                    await asyncio.sleep(float(pause))
                begun = time.perf_counter()
                await work()
                taken.append((time.perf_counter() - begun) * 1e3)
            sys.stdout.write(json.dumps(taken) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
