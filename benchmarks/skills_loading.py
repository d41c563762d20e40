"""Importing a skill: `python -m benchmarks.skills_loading [SKILLS]`, by default 5,000.

Whole runs, in turn in one process: a program that imports a skill from a library of so many, one that
imports a server's module, and ``1 + 1`` with that library and with an empty one.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio

from benchmarks.measure import HEAD, Row, Samples, batch, in_turn, machine
from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.config import SkillSettings
from underpass.skills.library.library import SkillLibrary
from underpass.skills.skill import SkillDraft

_ROUNDS, _SIZE = 10, 30
_MORE = 2.0
"""Milliseconds that an import of a skill may take longer than a plain one."""
_CODE = '''
async def count_words_{number}(text: str) -> int:
    """Count the words of a text, in the manner {number}."""
    return len(text.split()) + {number}
'''


def _fill(home: Path, count: int) -> float:
    """Save skills for the project; returns how many seconds that took."""
    library = SkillLibrary(home / ".underpass", SkillSettings())
    begun = time.monotonic()
    for number in range(count):
        draft = SkillDraft(
            f"count-words-{number}",
            f"Counts words in the manner {number}.",
            "python",
            _CODE.format(number=number),
            f"count_words_{number}",
        )
        library.save(draft, "project", "default")
    return time.monotonic() - begun


def _shop() -> InMemoryUpstream:
    upstream = InMemoryUpstream("shop")

    async def price(_arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured={"amount": 3}, has_structured=True)

    upstream.add(ToolDefinition("shop", "price", "The price."), price)
    return upstream


async def main() -> None:
    """Measure, and print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    with tempfile.TemporaryDirectory() as folder:
        full, empty = Path(folder) / "full", Path(folder) / "empty"
        saving = await anyio.to_thread.run_sync(_fill, full, count)
        async with (
            Underpass.open({"shop": _shop()}, home=full) as up,
            Underpass.open({"shop": _shop()}, home=empty) as other,
        ):
            name = f"count_words_{count // 2}"
            result = await up.run(f"from skills import {name}\nawait {name}.{name}('a b')")
            assert result.value == count // 2 + 2, result.error
            taken = await in_turn(
                {
                    "skill": batch(lambda: up.run(f"from skills import {name}\n1")),
                    "module": batch(lambda: up.run("from mcp_servers import shop\n1")),
                    "plain": batch(lambda: up.run("1 + 1")),
                    "plain without": batch(lambda: other.run("1 + 1")),
                },
                rounds=_ROUNDS,
                size=_SIZE,
            )
    print(f"{machine()}\n\n{HEAD}")
    more = taken["skill"].median - taken["module"].median
    for row in (
        _row("a program that imports a server's module", taken["module"]),
        _row(f"… that imports a skill, one of {count:,}", taken["skill"]),
        Row("… more than the module's, p50", "≤ 2 ms", f"{more:.2f} ms", more <= _MORE),
        _row(f"`1 + 1`, with {count:,} skills", taken["plain"]),
        _row("… with none", taken["plain without"]),
        Row("saving one skill", "", f"{saving / count * 1e3:.1f} ms"),
    ):
        print(row)


def _row(figure: str, samples: Samples) -> Row:
    return Row(figure, "", f"{samples.median:.2f} ms, p99 {samples.percentile(0.99):.2f} ms")


if __name__ == "__main__":
    anyio.run(main)
