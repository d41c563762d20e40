"""What the second run of a session takes, beside a run by itself, in both languages.

    python -m benchmarks.sessions

Takes about half a minute on an otherwise idle machine.
"""

from __future__ import annotations

import tempfile

import anyio

from benchmarks.idle import nothing, server
from benchmarks.measure import HEAD, Row, batch, in_turn, machine
from benchmarks.processes import Others
from underpass import Underpass

_ROUNDS = 10
_SIZE = 10
_PAUSE = 0.1
"""Seconds before each run, in which the pool fills again: a model thinks for longer than that."""

_PROGRAMS = {
    "python": {
        "`rows = …`": "rows = [n * n for n in range(100)]; len(rows)",
        "… with a tool call": "from mcp_servers import idle\nawait idle.nothing()",
    },
    "typescript": {
        "`const rows = …`": "const rows = Array.from({ length: 100 }, (_, n) => n * n); rows.length",
        "… with a type": "const size: number = 1; size",
        "… with a tool call": 'import { idle } from "mcp-servers";\nawait idle.nothing()',
    },
}


async def compared(up: Underpass, language: str) -> list[Row]:
    """Both ways to run each program, in turn."""
    rows: list[Row] = []
    for name, code in _PROGRAMS[language].items():

        async def once(session: str | None, code: str = code) -> None:
            result = await up.run(code, language=language, check=False, session=session, timeout=120)
            assert result.error is None, result.error

        works = {"alone": lambda: once(None), "later": lambda: once(language)}
        batches = {kind: batch(work, pause=_PAUSE) for kind, work in works.items()}
        seen = await in_turn(batches, rounds=_ROUNDS, size=_SIZE)
        alone, later = seen["alone"], seen["later"]
        goal = f"≤ {alone.median:.2f} ms (by itself)"
        rows.append(
            Row(f"{language}: {name}, p50", goal, f"{later.median:.2f} ms", later.median <= alone.median)
        )
    return rows


async def main() -> None:
    """Measure, and print the rows."""
    print(machine(), "\n")
    others = Others()
    print(HEAD)
    with tempfile.TemporaryDirectory() as home:
        async with Underpass.open({"idle": server("idle", nothing=nothing)}, home=home) as up:
            for language in _PROGRAMS:
                print(*await compared(up, language), sep="\n", flush=True)
    print(f"\nMeanwhile other processes took {others.share():.0%} of the processors' time.")


if __name__ == "__main__":
    anyio.run(main)
