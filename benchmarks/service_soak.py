"""Ten minutes of the HTTP service at half of the rate that it can keep up, while its servers die and return.

The service is a process of its own, as `underpass serve --http` starts it; so are its MCP servers. It ends by
itself, with status 1 where a goal is not met.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2

from benchmarks.measure import HEAD, Row, Samples
from benchmarks.service import TOKEN, Client

_SERVERS: Final = ("one", "two", "three")
_WORKERS: Final = 32
_PROBE: Final = 3.0
"""Seconds in which the rate is found that the service can keep up."""
_KILL: Final = 25.0
"""Seconds between two ends of a server, or a quarter of the time where that is less. Each server lives for
over a minute then: one that dies sooner again is paused, for longer each time."""
_DOWN_EACH: Final = 6
"""Each so many times the server stays away for some seconds."""
_DOWN: Final = 3.0
_BUDGET: Final = 0.05
"""The share of runs that may fail: those whose server has died, or is away."""
_WARM_UP: Final = 0.2
"""The part of the time after which everything is as large as it will be."""
_LONGEST: Final = 60.0
"""Seconds for one run; what takes longer is lost."""
_MORE: Final = {"memory (MB)": 48.0, "descriptors": 16, "threads": 8, "processes": 12}
"""What there may be more of at the end than after the warm-up: nothing that grows with the runs, which are
some ten thousands."""
_EXPECTED: Final = frozenset({"ToolUnavailable", "ServerUnavailable", "ToolTimeout"})
_PROGRAM: Final = """
from mcp_servers import {server}
n = {number}
for _ in range(3):
    n = (await {server}.double(n=n))["n"]
n
"""


@dataclass
class Outcome:
    """What became of the runs."""

    runs: dict[str, bool] = field(default_factory=dict[str, bool])
    """By id: whether it came to its value."""
    failed: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    """What must never be: another value, no answer, another error."""
    times: list[float] = field(default_factory=list[float])
    """Milliseconds."""

    def note(self, answer: dict[str, Any], number: int) -> None:
        """Take down an answer."""
        if "run" not in answer:
            self.wrong.append(json.dumps(answer)[:300])
            return
        self.runs[answer["run"]] = answer["ok"]
        error = answer["error"]
        if error is None and answer["value"] != number * 8:
            self.wrong.append(f"{number}: {answer['value']!r:.100}")
        elif error is not None:
            self.failed[error["type"]] += 1
            if error["type"] not in _EXPECTED:
                self.wrong.append(f"{error['type']}: {error['message']:.200}")


@contextmanager
def _service(folder: Path) -> Generator[tuple[int, subprocess.Popen[bytes]]]:
    """The service, and the port on which it is."""
    script = Path(__file__).with_name("doubling.py")
    servers = {
        name: {"command": sys.executable, "args": [str(script), name, str(folder / f"{name}.down")]}
        for name in _SERVERS
    }
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    (folder / "underpass.toml").write_text("[service]\nrequests_per_second = 0\n", encoding="utf-8")
    program = "import sys; from underpass.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "serve", "--http", "127.0.0.1:0", "--json"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "UNDERPASS_TOKEN": TOKEN, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdout is not None
            url = httpx2.URL(json.loads(process.stdout.readline())["url"])
            assert url.port is not None
            yield url.port, process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


class _Load:
    """Makes runs at a rate, whether those before have ended or not."""

    def __init__(self, port: int, outcome: Outcome) -> None:
        self._port = port
        self._outcome = outcome
        self._numbers = count(1)

    async def probe(self, seconds: float) -> float:
        """Return how many runs a second the service does when it is never idle."""
        begun, done = time.monotonic(), 0

        async def work() -> None:
            nonlocal done
            client = await Client.connect(self._port)
            while time.monotonic() < begun + seconds:
                await self._one(client)
                done += 1
            await client.stream.aclose()

        async with anyio.create_task_group() as tasks:
            for _ in range(_WORKERS):
                tasks.start_soon(work)
        return done / (time.monotonic() - begun)

    async def keep_up(self, rate: float, until: float) -> None:
        """Begin ``rate`` runs a second. One that waits for a connection counts from when it was due."""
        send, receive = anyio.create_memory_object_stream[float](100_000)

        async def work() -> None:
            client: Client | None = None
            async for due in receive:
                try:
                    client = client or await Client.connect(self._port)
                    await self._one(client, due)
                except (OSError, anyio.EndOfStream, anyio.IncompleteRead, anyio.ClosedResourceError) as error:
                    self._outcome.wrong.append(f"no answer: {type(error).__name__}")
                    client = None
            if client is not None:
                await client.stream.aclose()

        async with anyio.create_task_group() as tasks:
            for _ in range(_WORKERS * 2):
                tasks.start_soon(work)
            async with send:
                due = time.monotonic()
                while due < until:
                    await anyio.sleep(max(due - time.monotonic(), 0))
                    send.send_nowait(due)
                    due += 1 / rate

    async def _one(self, client: Client, due: float | None = None) -> None:
        begun = time.monotonic() if due is None else due
        number = next(self._numbers)
        server = _SERVERS[number % len(_SERVERS)]
        with anyio.fail_after(_LONGEST):
            answer = await client.run(_PROGRAM.format(server=server, number=number), f"agent-{number % 50}")
        self._outcome.times.append((time.monotonic() - begun) * 1e3)
        self._outcome.note(answer, number)


async def _kill(service: int, folder: Path, pause: float, deaths: Counter[str]) -> None:
    """End one server after the other, as a crash would; some stay away for a while."""
    for turn in count(1):
        await anyio.sleep(pause)
        name = _SERVERS[turn % len(_SERVERS)]
        down = folder / f"{name}.down"
        stays = turn % _DOWN_EACH == 0
        if stays:
            down.touch()
        for process in _children(service):
            if str(down) in _command(process):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                deaths[name] += 1
        if stays:
            await anyio.sleep(_DOWN)
            down.unlink()


def _children(process: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _below(process: int) -> int:
    return sum(1 + _below(each) for each in _children(process))


def _holds(process: int) -> dict[str, float]:
    """What a process has."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {
        "memory (MB)": int(facts["VmRSS"].split()[0]) / 1024,
        "descriptors": len(os.listdir(f"/proc/{process}/fd")),  # noqa: PTH208 - names alone
        "threads": int(facts["Threads"]),
        "processes": _below(process),
    }


async def _at_rest(process: int) -> dict[str, float]:
    """What it has when it has done all: the least of some looks, since what ends needs a moment."""
    looks: list[dict[str, float]] = []
    for _ in range(8):
        await anyio.sleep(0.5)
        looks.append(_holds(process))
    return {name: min(look[name] for look in looks) for name in looks[0]}


def _listed(port: int) -> list[tuple[str, str]]:
    """All runs that the service knows of, with their states."""
    found: list[tuple[str, str]] = []
    before: dict[str, str] = {}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=_LONGEST) as client:
        while True:
            page = client.get("/api/runs", params={"limit": 500, **before}).json()
            found += [(each["run"], each["state"]) for each in page["runs"]]
            if page["before"] is None:
                return found
            before = {"before": page["before"]}


async def soak(seconds: float) -> list[Row]:
    """Do it, and return the table."""
    outcome, deaths = Outcome(), Counter[str]()
    with tempfile.TemporaryDirectory() as home, _service(Path(home)) as (port, process):
        load = _Load(port, outcome)
        rate = await load.probe(_PROBE) / 2
        half = time.monotonic() + seconds * _WARM_UP
        end = time.monotonic() + seconds
        looks: list[dict[str, float]] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_kill, process.pid, Path(home), min(_KILL, seconds / 4), deaths)
            for until in (half, end):
                outcome.times.clear()
                await load.keep_up(rate, until)
                looks.append(await _at_rest(process.pid))
            tasks.cancel_scope.cancel()
        listed = await anyio.to_thread.run_sync(_listed, port)
        alive = process.poll() is None
    return _rows(outcome, listed, rate=rate, deaths=deaths, alive=alive, holds=looks)


def _rows(
    outcome: Outcome,
    listed: list[tuple[str, str]],
    *,
    rate: float,
    deaths: Counter[str],
    alive: bool,
    holds: list[dict[str, float]],
) -> list[Row]:
    states = dict(listed)
    lost = [run for run in outcome.runs if run not in states]
    twice = len(listed) - len(states)
    other = [run for run, ok in outcome.runs.items() if (states.get(run) == "ok") is not ok]
    share = sum(outcome.failed.values()) / len(outcome.runs)
    times = Samples(tuple(outcome.times))
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in outcome.failed.most_common()) or "none"
    rows = [
        Row("runs, at half of the sustained rate", "", f"{len(outcome.runs):,}, {rate:,.0f} a second"),
        Row("servers killed", "", f"{sum(deaths.values()):,}"),
        Row("the service at the end", "alive", "alive" if alive else "dead", alive),
        Row(
            "runs lost, listed twice, in another state than answered",
            "0, 0, 0",
            f"{len(lost)}, {twice}, {len(other)}",
            not (lost or twice or other),
        ),
        Row(
            "wrong values, no answers, other errors",
            "0",
            f"{len(outcome.wrong)}" + "".join(f"; {each}" for each in outcome.wrong[:3]),
            not outcome.wrong,
        ),
        Row(
            "runs that failed with their server",
            f"≤ {_BUDGET:.0%}",
            f"{share:.2%}: {kinds}",
            share <= _BUDGET,
        ),
        Row("time of a run", "", f"median {times.median:,.0f} ms, p99 {times.percentile(0.99):,.0f} ms"),
    ]
    first, last = holds
    return rows + [
        Row(
            f"{name} of the service at rest, after a fifth of the time and at the end",
            f"≤ {more:g} more",
            f"{first[name]:,.0f} → {last[name]:,.0f}",
            last[name] - first[name] <= more,
        )
        for name, more in _MORE.items()
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    rows = anyio.run(soak, parser.parse_args().seconds)
    print(HEAD)
    for row in rows:
        print(row)
    sys.exit(any(row.met is False for row in rows))


if __name__ == "__main__":
    main()
