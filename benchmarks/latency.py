"""One run at a time, and one call at a time, beside the peers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.measure import Batch, Row, Samples, batch, in_turn
from benchmarks.peers import Peers
from underpass import Underpass

_ROUNDS = 30
_SIZE = 25
_PAUSE = 0.002
"""Seconds before each run, in which the pool fills again: a model thinks for longer than that."""
_CALL_ROUNDS = 10
_CALL_SIZE = 5
_CALLS = 100

_CODEMODE = "FastMCP CodeMode 4.1.2"
_MONTY = "Monty 1.4.0"


async def _python_starts() -> None:
    # Blocks on purpose: a thread between us and the process would be counted with it.
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)  # noqa: ASYNC221


async def runs(up: Underpass, peers: Peers | None) -> list[Row]:
    """``1+1``, and nothing else in flight."""
    inside: list[float] = []

    async def one() -> None:
        result = await up.run("1+1")
        assert result.value == 2
        inside.append(result.duration.start + result.duration.run)

    async def looping() -> None:
        assert (await up.run("import asyncio\nawait asyncio.sleep(0)\n2")).value == 2

    async def calling() -> None:
        code = "from mcp_servers import idle\nawait idle.nothing()"
        assert (await up.run(code)).value == {"n": 1}

    works = {"run": one, "looping": looping, "calling": calling, "python": _python_starts}
    batches = {name: batch(work, pause=_PAUSE) for name, work in works.items()}
    if peers is not None:
        for work in ("codemode", "codemode_call", "monty_pool", "monty_fresh", "monty_reused"):
            batches[work] = peers.batch(work, pause=_PAUSE)
    seen = await in_turn(batches, rounds=_ROUNDS, size=_SIZE)
    ours, python, sandbox = seen["run"], seen["python"], Samples(tuple(inside))
    rows = [
        Row("`await up.run('1+1')`, warm pool, p50", "≤ 1.0 ms", f"{ours.median:.2f} ms", ours.median <= 1.0),
        Row("… p99", "≤ 5 ms", f"{ours.percentile(0.99):.2f} ms", ours.percentile(0.99) <= 5),
        Row("… of it the sandbox, p50", "≤ 0.4 ms", f"{sandbox.median:.2f} ms", sandbox.median <= 0.4),
        Row("… with an event loop, p50", "", f"{seen['looping'].median:.2f} ms"),
        Row("… with a module and one tool call, p50", "", f"{seen['calling'].median:.2f} ms"),
        _faster("`python3 -I -S -c pass`", python, ours, 6),
    ]
    if peers is None:
        return rows
    return [
        *rows,
        _faster(f"{_CODEMODE}, the same", seen["codemode"], ours, 5),
        _faster(f"{_CODEMODE}, with one tool call in both", seen["codemode_call"], seen["calling"], None),
        _faster(f"{_MONTY}, a fresh worker each, in a pool of its own", seen["monty_pool"], ours, 5),
        _faster(f"{_MONTY}, a fresh worker each, from one pool", seen["monty_fresh"], ours, 5),
        _not_slower(f"{_MONTY}, a reused worker: `up.run`", seen["monty_reused"], ours, None),
        _not_slower(f"{_MONTY}, a reused worker: our sandbox alone", seen["monty_reused"], sandbox, 1.3),
    ]


async def without_pause(up: Underpass, peers: Peers | None) -> list[Row]:
    """The same back to back: the pool is used up, and each run waits for a fork and beside an exit."""

    async def one() -> None:
        assert (await up.run("1+1")).value == 2

    batches: dict[str, Batch] = {"run": batch(one)}
    if peers is not None:
        batches["codemode"] = peers.batch("codemode")
    seen = await in_turn(batches, rounds=_ROUNDS, size=_SIZE)
    ours = seen["run"]
    rows = [
        Row(
            "`await up.run('1+1')`, back to back, p50 / p99",
            "",
            f"{ours.median:.2f} / {ours.percentile(0.99):.2f} ms",
        )
    ]
    if peers is not None:
        rows.append(_faster(f"{_CODEMODE}, back to back", seen["codemode"], ours, None))
    return rows


async def calls(up: Underpass, peers: Peers | None) -> list[Row]:
    """What a call more costs."""
    head = "import asyncio\nfrom mcp_servers import idle\nawait idle.nothing()\n"

    def program(body: str) -> Batch:
        async def run() -> None:
            result = await up.run(head + body)
            assert result.ok, result.error

        return batch(run)

    batches: dict[str, Batch] = {
        "none": program(""),
        "in a row": program(f"for _ in range({_CALLS}):\n    await idle.nothing()"),
        "at once": program(f"_ = await asyncio.gather(*(idle.nothing() for _ in range({_CALLS})))"),
    }
    if peers is not None:
        batches |= {work: peers.batch(work) for work in ("monty_1_call", "monty_101_calls")}
    seen = await in_turn(batches, rounds=_CALL_ROUNDS, size=_CALL_SIZE)

    def each(more: str, less: str) -> float:
        return (seen[more].median - seen[less].median) / _CALLS * 1e3

    row, together = each("in a row", "none"), each("at once", "none")
    rows = [
        Row("one tool call more, one after the other", "≤ 100 µs", f"{row:.0f} µs", row <= 100),
        Row("… all at once", "", f"{together:.0f} µs"),
    ]
    if peers is not None:
        theirs = each("monty_101_calls", "monty_1_call")
        rows.append(Row(f"… {_MONTY}, an external call more", "", f"{theirs:.0f} µs"))
    return rows


def unavailable(reason: str) -> Sequence[Row]:
    """What is said of peers that are not there."""
    return [Row(f"{peer}", "", f"not installed here: {reason}") for peer in (_CODEMODE, _MONTY)]


def _faster(what: str, theirs: Samples, ours: Samples, goal: float | None) -> Row:
    ratio = theirs.median / ours.median
    seen = f"{theirs.median:.2f} ms: {ratio:.1f} times ours"
    return Row(what, f"≥ {goal} times ours" if goal else "", seen, ratio >= goal if goal else None)


def _not_slower(what: str, theirs: Samples, ours: Samples, goal: float | None) -> Row:
    ratio = ours.median / theirs.median
    seen = f"{theirs.median:.2f} ms: ours takes {ratio:.2f} times as long"
    return Row(what, f"≤ {goal} times" if goal else "", seen, ratio <= goal if goal else None)
