"""Makes every attempt in TypeScript and prints, as JSON, what came of each.

A script, so that it can be started as another user: ``python make_attempts.py HOME``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.escape.attempt import Attempt
from tests.escape.corpus import NEIGHBOUR
from tests.escape.make_attempts import Series
from tests.escape.typescript.corpus import AREAS
from tests.escape.typescript.prelude import PRELUDE

from underpass import Underpass

_WORK = """
import { callTool } from "mcp-runtime";
Deno.writeTextFileSync("data/secret", "mine");
Deno.writeTextFileSync("data/secret.json", "1");
const answer = await callTool("demo", "wait", {});
[answer, Deno.readTextFileSync("data/secret")]
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

    async def _try(self, up: Underpass, attempt: Attempt, mark: str, agent: str) -> str:
        try:
            if attempt.before:
                await up.run(attempt.before, agent=agent, language="typescript", check=False)
            result = await up.run(
                PRELUDE + attempt.code,
                agent=agent,
                timeout=attempt.timeout,
                language="typescript",
                check=False,
            )
            return attempt.verdict(result)
        except Exception as error:  # noqa: BLE001 - whatever reaches the host is the finding
            return f"the host failed with {error!r:.300}"

    async def _run_of_another(self, up: Underpass) -> str:
        with anyio.move_on_after(30):
            after = await up.run("6 * 7", agent="third", language="typescript", check=False)
            return "" if after.value == 42 else f"the next run failed: {after.error!r}"
        return "the next run did not end"


async def _main(home: Path) -> dict[str, Any]:
    verdicts: dict[str, str] = {}
    for name, area in AREAS.items():
        verdicts |= await TypeScriptSeries(name, area, home).make()
    return {"verdicts": verdicts}


if __name__ == "__main__":
    print(json.dumps(anyio.run(_main, Path(sys.argv[1]))))
