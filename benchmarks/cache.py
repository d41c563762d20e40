"""What the cache costs where it helps, and where it does not.

python -m benchmarks.cache
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from benchmarks.broker import add
from benchmarks.measure import machine
from underpass import Underpass
from underpass.broker import Broker, CallLimits, InMemoryCatalog
from underpass.broker.cache.cache import ToolCache
from underpass.broker.cache.declared import Declarations
from underpass.broker.cache.store import ResultStore
from underpass.broker.call import Stages
from underpass.catalog import InMemoryUpstream, ToolDefinition
from underpass.catalog.identity import Identity
from underpass.config import CacheSettings

CALLS = 500
ROUNDS = 60
SERVER = Path(__file__).parents[1] / "tests" / "servers" / "remembering.py"
PROGRAM = 'from mcp_servers import notes\n(await notes.read(name="a"))["text"]'
NUMBER = {"type": "integer"}
SCHEMA = {"type": "object", "properties": {"a": NUMBER, "b": NUMBER}, "required": ["a", "b"]}


def broker(store: ResultStore | None, tools: tuple[str, ...]) -> Broker:
    """Return a broker before two tools of this process."""
    upstream = InMemoryUpstream("calculator")
    upstream.add(ToolDefinition("calculator", "add", "Add", input_schema=SCHEMA), add)
    cache = store and ToolCache(
        store,
        Declarations(CacheSettings(tools=tools), ()),
        {"calculator": Identity("one", "calculator", lasts=True)}.get,
        is_used=True,
        timeout=60,
    )
    return Broker(
        InMemoryCatalog({"calculator": upstream}),
        count=len,
        limits=CallLimits(max_calls=CALLS * ROUNDS + 1),
        stages=Stages(cache=cache),
    )


async def calls(through: Broker, first: int, step: int) -> float:
    """Return the microseconds of processor time that a call of this thread's takes."""
    run = through.open_run()
    begun = time.thread_time()
    for number in range(CALLS):
        await run.call("calculator", "add", {"a": first + number * step, "b": 1})
    return (time.thread_time() - begun) / CALLS * 1e6


async def within_the_broker(folder: Path) -> None:
    """Time a call without a cache, one that is made and kept, one that is answered, and a write."""
    seen: dict[str, list[float]] = {"none": [], "miss": [], "hit": [], "write": []}
    async with ResultStore(folder, CacheSettings(memory_mb=256)) as store:
        none, kept, writes = broker(None, ()), broker(store, ("calculator.add",)), broker(store, ())
        for turn in range(ROUNDS):
            seen["none"].append(await calls(none, turn * CALLS, 1))
            seen["miss"].append(await calls(kept, turn * CALLS, 1))
            seen["hit"].append(await calls(kept, turn * CALLS, 0))
            if not turn % 4:
                seen["write"].append(await calls(writes, 0, 1))
            # The loop lets go of what the calls have left.
            await anyio.sleep(0.15)
    # Whatever else the machine does only adds.
    least = {name: min(values) for name, values in seen.items()}
    print(f"a call without a cache: {least['none']:.1f} µs")
    print(f"a call that is made and kept: {least['miss'] - least['none']:+.1f} µs")
    print(f"a call that is answered from memory: {least['hit']:.1f} µs")
    print(f"a call that writes: {least['write'] - least['none']:+.1f} µs")


async def median(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Return the milliseconds that one of ``times`` takes, the one in the middle."""
    taken: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - begun) * 1e3)
    return sorted(taken)[times // 2]


async def with_a_server(folder: Path) -> None:
    """Time calls of a real stdio server, and whole runs."""
    config = folder / ".mcp.json"
    server = {"command": sys.executable, "args": [str(SERVER), str(folder)]}
    config.write_text(json.dumps({"mcpServers": {"notes": server}}))

    for name, settings in (("made", {}), ("answered from the cache", {"cache.tools": ["notes.read"]})):
        async with Underpass.open(config, settings=settings) as up:

            async def call(up: Underpass = up) -> object:
                return await up.call_tool("notes", "read", {"name": "a"})

            async def run(up: Underpass = up) -> object:
                return await up.run(PROGRAM, cache=True)

            for _ in range(5):
                await call()
                await run()
                await anyio.sleep(0.1)
            print(f"a call to a stdio server, {name}: {await median(call, 200):.3f} ms")
            print(f"a run with one such call, {name}: {await median(run, 100):.3f} ms")


async def main() -> None:
    """Print all figures."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        await within_the_broker(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        await with_a_server(Path(folder))


if __name__ == "__main__":
    anyio.run(main)
