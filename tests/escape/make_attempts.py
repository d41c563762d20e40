"""Makes every attempt in a sandbox of its own and prints, as JSON, what came of each.

A script, so that it can be started as another user: ``python make_attempts.py HOME``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio

from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.escape import system_calls
from tests.escape.attempt import PRELUDE, Attempt
from tests.escape.corpus import AREAS, HOST, NEIGHBOUR, Area
from tests.escape.weaker import WEAKER, WHAT_HOLDS

_AT_ONCE = 4

_WORK = """
open("data/secret", "w").write("mine")
import os
open(os.environ.get("TMPDIR", "/tmp") + "/left", "w")
from mcp_runtime import call_tool
answer = await call_tool("demo", "wait", {})
[answer, open("data/secret").read()]
"""


class Series:
    """One area's attempts, beside a neighbour who is at work all the while."""

    def __init__(self, name: str, area: Area, home: Path) -> None:
        self._name = name
        self._area = area
        self._home = home
        self._arrived = anyio.Event()
        self._over = anyio.Event()
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        self._verdicts: dict[str, str] = {}

    async def make(self) -> dict[str, str]:
        """Make the attempts; returns what is wrong, by name, and nothing where nothing came of one."""
        before = descriptors()
        servers = {"demo": self._server()}
        async with (
            Underpass.open(servers, home=self._home, settings=self._area.settings) as up,
            anyio.create_task_group() as neighbour,
        ):
            await self._prepare(up)
            neighbour.start_soon(self._be_neighbour, up)
            await self._arrived.wait()
            async with anyio.create_task_group() as tasks:
                for number, attempt in enumerate(self._attempts()):
                    tasks.start_soon(self._one, up, attempt, number)
            self._over.set()
        self._note(HOST, more_descriptors(before))
        return self._verdicts

    async def _prepare(self, up: Underpass) -> None:
        """Do what has to be done before the first attempt."""

    def _attempts(self) -> Iterator[Attempt]:
        yield from self._area.attempts
        for attempt in self._area.attempts:
            if weaker := WEAKER.get(f"{self._name}: {attempt.name}"):
                yield replace(attempt, name=f"{attempt.name}{WHAT_HOLDS}", code=weaker.code)

    def _note(self, name: str, verdict: str) -> None:
        self._verdicts[f"{self._name}: {name}"] = verdict

    def _server(self) -> InMemoryUpstream:
        server = InMemoryUpstream("demo")

        async def echo(arguments: Mapping[str, Any]) -> ToolOutcome:
            return ToolOutcome(structured=dict(arguments), has_structured=True)

        async def wait(_arguments: Mapping[str, Any]) -> ToolOutcome:
            self._arrived.set()
            await self._over.wait()
            return ToolOutcome(structured="well", has_structured=True)

        schema = {"type": "object", "additionalProperties": True}
        server.add(ToolDefinition("demo", "echo", "Answers with what it is given", input_schema=schema), echo)
        server.add(ToolDefinition("demo", "wait", "Answers at the end", input_schema=schema), wait)
        return server

    async def _be_neighbour(self, up: Underpass) -> None:
        result = await up.run(_WORK, agent="other", timeout=300)
        self._arrived.set()
        well = result.value == ["well", "mine"]
        self._note(NEIGHBOUR, "" if well else f"it came back with {result.value!r} and {result.error!r}")

    async def _one(self, up: Underpass, attempt: Attempt, number: int) -> None:
        async with self._limiter:
            # The kernel shows this name to the host; the program's threads inherit it.
            mark = f"{os.getpid()}-{number}"
            verdicts = [await self._try(up, attempt, mark, f"agent-{number}")]
            verdicts += [f"its process {one} outlived it" for one in _named(mark) if not await _ends(one)]
            verdicts.append(await self._run_of_another(up))
        self._note(attempt.name, "; ".join(filter(None, verdicts)))

    async def _try(self, up: Underpass, attempt: Attempt, mark: str, agent: str) -> str:
        try:
            if attempt.before:
                await up.run(attempt.before, agent=agent)
            code = f"{PRELUDE}libc.prctl(15, b'{mark}')\n{attempt.code}"
            return attempt.verdict(await up.run(code, agent=agent, timeout=attempt.timeout))
        except Exception as error:  # noqa: BLE001 - whatever reaches the host is the finding
            return f"the host failed with {error!r:.300}"

    async def _run_of_another(self, up: Underpass) -> str:
        with anyio.move_on_after(10):
            after = await up.run("6 * 7", agent="third")
            return "" if after.value == 42 else f"the next run failed: {after.error!r}"
        return "the next run did not end"


def descriptors() -> int:
    """How many descriptors this process, the host, has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def more_descriptors(before: int) -> str:
    """Say what is wrong with how many the host has now; nothing when there are as many as ``before``."""
    more = descriptors() - before
    return f"it has {more} more descriptors" if more else ""


def _named(mark: str) -> Iterator[int]:
    """Processes that an attempt has named."""
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "comm").read_text(errors="replace").strip() == mark:
                yield int(process.name)
        except OSError:
            continue


async def _ends(process: int) -> bool:
    """Wait for the end of a process that is no child of ours; says whether it came."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        with anyio.move_on_after(5) as clock:
            await anyio.wait_readable(handle)
        return not clock.cancelled_caught
    finally:
        os.close(handle)


async def _sweep(home: Path) -> Any:
    async with Underpass.open(None, home=home) as up:
        result = await up.run(f"{PRELUDE}{system_calls.SWEEP}", max_tokens=100_000)
    return result.value if result.error is None else f"after {result.stdout[-20:]!r}: {result.error!r}"


async def _label(home: Path) -> str:
    async with Underpass.open(None, home=home) as up:
        return (await up.run("1")).sandbox


async def _main(home: Path) -> dict[str, Any]:
    verdicts: dict[str, str] = {}
    for name, area in AREAS.items():
        verdicts |= await Series(name, area, home).make()
    return {"verdicts": verdicts, "system calls": await _sweep(home), "sandbox": await _label(home)}


if __name__ == "__main__":
    print(json.dumps(anyio.run(_main, Path(sys.argv[1]))))
