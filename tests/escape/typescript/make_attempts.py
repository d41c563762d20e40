"""Makes every attempt in TypeScript and prints, as JSON, what came of each.

A script, so that it can be started as another user: ``python make_attempts.py HOME``. Each attempt is made
three times: in a Deno that is started by itself, in one that is forked, and in the second run of a session.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.escape.attempt import Attempt
from tests.escape.corpus import HOST, NEIGHBOUR, Area
from tests.escape.make_attempts import Series, descriptors, more_descriptors
from tests.escape.typescript.corpus import AREAS, FORKED_AREAS, SESSION_AREAS
from tests.escape.typescript.prelude import PRELUDE
from tests.sandbox.warm_deno import SingleStarts, begin_to_fork, place_of, until_forked

from underpass import Underpass
from underpass.sandbox import deno

_WORK = """
import { callTool } from "mcp-runtime";
Deno.writeTextFileSync("data/secret", "mine");
Deno.writeTextFileSync("data/secret.json", "1");
const answer = await callTool("demo", "wait", {});
[answer, Deno.readTextFileSync("data/secret")]
"""


_BEFORE = """
import { callTool } from "mcp-runtime";
await callTool("demo", "echo", {});
setInterval(() => {}, 1);
"""


class TypeScriptSeries(Series):
    """The same, with programs in TypeScript all around."""

    async def _be_neighbour(self, up: Underpass) -> None:
        result = await up.run(_WORK, agent="other", timeout=300, language="typescript", check=False)
        self._arrived.set()
        well = result.value == ["well", "mine"]
        self._note(NEIGHBOUR, "" if well else f"it came back with {result.value!r} and {result.error!r}")

    async def _one(self, up: Underpass, attempt: Attempt, number: int) -> None:
        async with self._limiter:
            verdicts = [await self._try(up, attempt, "", f"agent-{number}"), await self._run_of_another(up)]
        self._note(attempt.name, "; ".join(filter(None, verdicts)))

    session: str | None = None
    """The session that an attempt is made in, of an agent of its own."""

    async def _try(self, up: Underpass, attempt: Attempt, mark: str, agent: str) -> str:
        try:
            if attempt.before:
                await up.run(attempt.before, agent=agent, language="typescript", check=False)
            if self.session is not None:
                await up.run(_BEFORE, agent=agent, session=self.session, language="typescript", check=False)
            result = await up.run(
                PRELUDE + attempt.code,
                agent=agent,
                timeout=attempt.timeout,
                language="typescript",
                check=False,
                session=self.session,
            )
            if self.session is not None:
                up.end_session(self.session, agent=agent)
            return attempt.verdict(result)
        except Exception as error:  # noqa: BLE001 - whatever reaches the host is the finding
            return f"the host failed with {error!r:.300}"

    async def _run_of_another(self, up: Underpass) -> str:
        with anyio.move_on_after(30):
            after = await up.run("6 * 7", agent="third", language="typescript", check=False)
            return "" if after.value == 42 else f"the next run failed: {after.error!r}"
        return "the next run did not end"


class SessionSeries(TypeScriptSeries):
    """The same, each in a session that had a run before."""

    session = "s1"


class ForkedSeries(TypeScriptSeries):
    """The same in forked processes; their warm Deno gets ready beside the attempts in others."""

    def __init__(self, name: str, area: Area, home: Path) -> None:
        super().__init__(name, area, home)
        self.has_begun = anyio.Event()
        self.its_turn = anyio.Event()
        self.is_made = anyio.Event()

    async def _prepare(self, up: Underpass) -> None:
        await begin_to_fork(place_of(up))
        self.has_begun.set()
        await self.its_turn.wait()
        await until_forked(place_of(up))

    def _note(self, name: str, verdict: str) -> None:
        # The host's descriptors are counted at the end, for all together.
        if name != HOST:
            super()._note(name, verdict)


async def _main(home: Path) -> dict[str, Any]:
    verdicts: dict[str, str] = {}
    before = descriptors()

    forked = [ForkedSeries(name, area, home / name) for name, area in FORKED_AREAS.items()]
    async with anyio.create_task_group() as tasks:
        for series in forked:
            tasks.start_soon(_make_into, verdicts, series)
            await series.has_begun.wait()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deno, "DenoSandbox", SingleStarts)
            for name, area in AREAS.items():
                verdicts.update(await TypeScriptSeries(name, area, home).make())
        for name, area in SESSION_AREAS.items():
            verdicts.update(await SessionSeries(name, area, home).make())
        for series in forked:
            series.its_turn.set()
            await series.is_made.wait()
    verdicts[f"forked: {HOST}"] = more_descriptors(before)
    return {"verdicts": verdicts}


async def _make_into(verdicts: dict[str, str], series: ForkedSeries) -> None:
    verdicts.update(await series.make())
    series.is_made.set()


if __name__ == "__main__":
    print(json.dumps(anyio.run(_main, Path(sys.argv[1]))))
