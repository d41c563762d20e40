"""Hosts that are killed at random points of runs that count on a real server, and runs resumed after."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.processes import alive, descendants

from underpass import CallUnknown, RunResult, Underpass, ValidationFailed
from underpass.broker.audit import Filter, verify, youngest
from underpass.broker.journal import JournalStore

CALLS = 20
SERVER = Path(__file__).parents[1] / "servers" / "counting.py"
HOST = """
import sys, anyio
from underpass import Underpass
async def main():
    async with Underpass.open(sys.argv[1], settings={"run.check": False}) as up:
        await up.run(sys.argv[2], language=sys.argv[3], timeout=60)
anyio.run(main)
"""
ONE_BY_ONE = f"""
from mcp_servers import counter
seen = []
for _ in range({CALLS}):
    seen.append((await counter.increment(label="x"))["count"])
len(seen)
"""
AT_ONCE = """
import asyncio
from mcp_servers import counter
async def chain(name):
    seen = []
    for number in range(4):
        seen.append(await counter.increment(label=f"{name}{number}"))
    return len(seen)
sum(await asyncio.gather(*map(chain, "abcde")))
"""
TYPESCRIPT = f"""
import {{ counter }} from "mcp-servers";
let seen = 0;
for (let n = 0; n < {CALLS}; n++) {{ await counter.increment({{ label: "x" }}); seen++; }}
return seen;
"""
ALL = {
    "one by one": (ONE_BY_ONE, "python", ["x"] * CALLS),
    "at once": (AT_ONCE, "python", [f"{name}{number}" for name in "abcde" for number in range(4)]),
    "typescript": (TYPESCRIPT, "typescript", ["x"] * CALLS),
}


def _tries(fast: int, all_: int) -> list[object]:
    return [pytest.param(seed, marks=[] if seed < fast else pytest.mark.slow) for seed in range(all_)]


@pytest.mark.anyio
@pytest.mark.requirement("R20")
@pytest.mark.parametrize("seed", _tries(4, 45))
@pytest.mark.parametrize("kind", ["one by one", "at once"])
async def test_every_call_happens_once_although_the_host_is_killed(
    tmp_path: Path, kind: str, seed: int
) -> None:
    await _killed_and_resumed(tmp_path, kind, seed)


@pytest.mark.anyio
@pytest.mark.requirement("R20")
@pytest.mark.parametrize("seed", _tries(2, 10))
async def test_every_call_of_a_typescript_program_happens_once_although_the_host_is_killed(
    tmp_path: Path, seed: int
) -> None:
    await _killed_and_resumed(tmp_path, "typescript", seed)


async def _killed_and_resumed(folder: Path, kind: str, seed: int) -> None:
    code, language, labels = ALL[kind]
    counts = folder / "counts"
    config = folder / ".mcp.json"
    server = {"command": sys.executable, "args": [str(SERVER), str(counts)]}
    config.write_text(json.dumps({"mcpServers": {"counter": server}}))
    chance = random.Random(f"{kind} {seed}")
    with _host(config, code, language) as host:
        _kill(host, counts, chance.randrange(CALLS + 1) * len(f"{labels[0]}\n"), chance.random() * 0.01)
    _check_trail(folder / ".underpass" / "audit", counts)
    store = JournalStore(folder / ".underpass" / "journal")
    runs = store.runs(2)
    store.close()
    if not runs:
        assert not _lines(counts)
        return
    assert len(runs) == 1
    async with Underpass.open(config, settings={"run.check": False}) as up:
        result = await _resumed(up, runs[0].run, counts, store)
    assert sorted(_lines(counts)) == sorted(labels)
    if result is not None:
        assert (result.error, result.value) == (None, CALLS)
        assert len(result.tool_calls) == CALLS


def _check_trail(trail: Path, counts: Path) -> None:
    """Look whether the audit trail is whole, and has each call that has happened."""
    if trail.exists():
        assert verify(trail).faults == []
    rows = [row for row in youngest(trail, Filter(decision="allowed"), 1_000) if row["kind"] == "decision"]
    assert len(rows) >= len(_lines(counts))


async def _resumed(up: Underpass, run: str, counts: Path, store: JournalStore) -> RunResult | None:
    """Resume as a person would who looks at the file to decide; None for a run that had ended."""
    try:
        return await up.resume(run)
    except ValidationFailed as error:
        if "ended by itself" not in error.message:
            raise
        return None
    except CallUnknown as unknown:
        again: list[int] = []
        done: dict[int, dict[str, int]] = {}
        finished = [call.arguments for call in store.calls(run) if call.state == "finished"]
        store.close()
        for call in unknown.data["calls"]:
            label = json.loads(call["arguments"])["label"]
            if _lines(counts).count(label) > finished.count(call["arguments"]):
                done[call["sequence"]] = {"count": len(_lines(counts))}
            else:
                again.append(call["sequence"])
        return await up.resume(run, call_again=again, assume_done=done)


@contextmanager
def _host(config: Path, code: str, language: str) -> Generator["subprocess.Popen[bytes]"]:
    arguments = [sys.executable, "-c", HOST, str(config), code, language]
    with subprocess.Popen(arguments, env={**os.environ, "HOME": str(config.parent)}) as process:
        try:
            yield process
        finally:
            process.kill()


def _kill(host: "subprocess.Popen[bytes]", counts: Path, after: int, more: float) -> None:
    """Kill the host ``more`` seconds after so many bytes of counts, and wait until nothing of it lives."""
    while host.poll() is None and (counts.stat().st_size if counts.exists() else 0) < after:
        pass
    since = time.monotonic()
    while host.poll() is None and time.monotonic() < since + more:
        pass
    children = descendants(host.pid)
    host.kill()
    host.wait()
    end = time.monotonic() + 30
    while any(map(alive, children)):
        assert time.monotonic() < end, "the server did not end"


def _lines(counts: Path) -> list[str]:
    return counts.read_text().split() if counts.exists() else []
