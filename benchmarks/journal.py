"""What a large journal costs: 100,000 runs with 1,000,000 calls.

``python -m benchmarks.journal`` makes one in a temporary folder, and prints milliseconds: the median of
some rounds, and for what is done once, that.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from underpass.broker.journal import Decisions, Journal, JournalStore, RunRecord

if TYPE_CHECKING:
    import sqlite3

RUNS = 100_000
CALLS = 10
"""Of each run."""
_RESULT = b'{"number":12,"title":"Crane 4 is stuck","labels":["crane","urgent"],"open":true}'


def record(number: int) -> RunRecord:
    """A run of its own code, one in a hundred."""
    code = f"from mcp_servers import tracker\nawait tracker.create_ticket(title='{number % 1_000}')"
    begun = time.time() - (RUNS - number) * 20
    return RunRecord(
        f"run{number:012}", begun, "default", "python", None, "program.py", 30.0, 2_000, True, False, code
    )


def fill(store: JournalStore, runs: int, calls: int) -> None:
    """Write so many runs; one in a thousand died."""

    def step(first: int, connection: sqlite3.Connection) -> None:
        for number in range(first, min(first + 10_000, runs)):
            run = record(number)
            connection.execute("INSERT OR IGNORE INTO codes VALUES (?, ?)", (run.code_digest, run.code))
            ended, cause = (None, None) if number % 1_000 == 0 else (run.begun + 1, "ok")
            connection.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
                (
                    number + 1, run.run, run.begun, run.agent, run.language, None, run.filename, run.timeout,
                    run.max_tokens, True, False, run.code_digest, None, "gone", "boot", ended, cause,
                ),
            )  # fmt: skip
            connection.executemany(
                "INSERT INTO calls VALUES (?, 'tracker', 'create_ticket', ?, ?, ?, 0, 'finished', ?, ?, ?,"
                " NULL, 0, NULL)",
                (
                    (
                        number + 1 << 24 | call, "d" * 64, "a" * 64, '{"title":"Crane 4 is stuck"}', call * 2,
                        call * 2 + 1, _RESULT,
                    )
                    for call in range(1, calls + 1)
                ),
            )  # fmt: skip

    for first in range(0, runs, 10_000):
        store.write([partial(step, first)])
    store.settle()


def median(work: Callable[[], object], rounds: int = 9) -> float:
    """Milliseconds of one round."""
    times: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)


async def waited(work: Callable[[], object], meanwhile: Callable[[], object]) -> float:
    """Milliseconds of the longest of many rounds, while something else is done in a thread."""
    longest = 0.0
    async with anyio.create_task_group() as tasks:
        done = anyio.Event()

        async def other() -> None:
            await anyio.to_thread.run_sync(meanwhile)
            done.set()

        tasks.start_soon(other)
        while not done.is_set():
            longest = max(longest, median(work, 1))
            await anyio.sleep(0.005)
    return longest


async def main() -> None:
    """Print the table."""
    runs, calls = RUNS, CALLS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "journal"
        store = JournalStore(folder)
        fill(store, runs, calls)
        size = store.path.stat().st_size / 1e6
        print(f"{runs:,} runs, {runs * calls:,} calls, {size:,.0f} MB")
        middle = f"run{runs // 2:012}"

        def opened() -> None:
            fresh = JournalStore(folder)
            fresh.runs(1)
            fresh.close()

        async with Journal(folder) as journal:

            def begun() -> None:
                run = journal.begin(record(runs))
                call = run.begin("tracker", "create_ticket", "d" * 64, {}, b"{}", idempotent=False)
                journal.write()
                assert call is not None

            begun()  # the next ones have the name of that one, and would be refused
            journal.write()
            counted = iter(range(runs + 1, runs + 10_000))

            def next_run() -> None:
                run = journal.begin(record(next(counted)))
                run.begin("tracker", "create_ticket", "d" * 64, {}, b"{}", idempotent=False)

            dead = f"run{runs // 1_000 // 2 * 1_000:012}"
            rows: list[tuple[str, float]] = [
                ("open the journal, and read one run", median(opened)),
                ("runs list (20)", median(lambda: store.runs(20))),
                ("runs list (1,000)", median(lambda: store.runs(1_000))),
                (
                    "runs show",
                    median(lambda: (store.find(middle), store.calls(middle), store.result(middle))),
                ),
                ("begin a run, with its first call", median(next_run, 201)),
                ("resume a run", median(lambda: journal.resume(journal.find(dead), Decisions()), 1)),
                ("find the runs that died", median(journal.died)),
            ]
            longest = await waited(next_run, partial(store.tidy, runs * 0.95 * 20 / 86_400, 1 << 40))
            rows.append(("the longest begin of a run while a twentieth is tidied away", longest))
        rows += [
            ("tidy, nothing is old", median(lambda: store.tidy(1_000, 1 << 40), 3)),
            ("tidy, a tenth is old", median(lambda: store.tidy(runs * 0.9 * 20 / 86_400, 1 << 40), 1)),
            ("tidy, over the limit by a tenth", median(lambda: store.tidy(1_000, int(size * 0.8e6)), 1)),
        ]
        store.close()
    for what, milliseconds in rows:
        print(f"| {what} | {milliseconds:,.2f} ms |")


if __name__ == "__main__":
    anyio.run(main)
