"""The HTTP service: a thousand agents at once, and runs per second beside the same without HTTP."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks import idle
from benchmarks.measure import HEAD, Row, Samples
from underpass import Underpass
from underpass.server.api.service import ApiService
from underpass.server.facade import facade
from underpass.server.http import HttpService
from underpass.server.http_address import Address
from underpass.server.http_log import configure

_AGENTS: Final = 1_000
_IN_FLIGHT: Final = 32
_RUNS: Final = 500
_ROUNDS: Final = 3
_LONGEST: Final = 60.0
"""Seconds for one round; the program ends with an error beyond."""
TOKEN: Final = "benchmark-token-of-loopback"
_SETTINGS: Final = {"service.requests_per_second": 0, "service.max_runs": 4_000}
_PROGRAM: Final = """
from mcp_servers import numbers
n = {number}
for _ in range(3):
    n = (await numbers.double(n=n))["n"]
n
"""


@asynccontextmanager
async def _opened(home: Path) -> AsyncGenerator[Underpass]:
    servers = {"numbers": idle.server("numbers", double=idle.double)}
    async with Underpass.open(servers, home=home, settings=_SETTINGS) as up:
        await up.run(_PROGRAM.format(number=1))
        yield up


async def serve(home: Path) -> None:
    """Be the service, until the other side ends this process."""
    configure("json", Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115, ASYNC230 - as long as we live
    async with _opened(home) as up:
        address = Address.parse("127.0.0.1:0")
        limit = up.settings.calls.max_argument_bytes
        service = HttpService(
            facade(up),
            token=TOKEN,
            names=address.names(),
            max_argument_bytes=limit,
            api=ApiService(up),
            settings=up.settings.service,
        )
        with address.listen() as listening:
            print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
            await service.serve(listening)


@dataclass(frozen=True, slots=True)
class Client:
    """One connection, with as little of its own as can be: both sides share the machine."""

    stream: anyio.abc.ByteStream
    reading: BufferedByteReceiveStream

    @classmethod
    async def connect(cls, port: int) -> Client:
        """Connect to the service."""
        stream = await anyio.connect_tcp("127.0.0.1", port)
        return cls(stream, BufferedByteReceiveStream(stream))

    async def run(self, code: str, agent: str) -> dict[str, Any]:
        """Run a program."""
        body = json.dumps({"code": code, "agent": agent}).encode()
        head = (
            "POST /api/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        await self.stream.send(head.encode() + body)
        answer = await self.reading.receive_until(b"\r\n\r\n", 65_536)
        length = re.search(rb"content-length: (\d+)", answer)
        assert length is not None, answer
        content = await self.reading.receive_exactly(int(length[1]))
        return json.loads(content)


async def agents(port: int, pid: int) -> list[Row]:
    """Each agent with a name and a connection of its own, and three calls that depend on one another."""
    seconds: list[float] = []
    p99: list[float] = []
    wrong = 0
    for attempt in range(_ROUNDS):
        took: dict[int, float] = {}
        values: dict[int, Any] = {}

        async def one(number: int, attempt: int, took: dict[int, float], values: dict[int, Any]) -> None:
            client = await Client.connect(port)
            begun = time.perf_counter()
            values[number] = await client.run(_PROGRAM.format(number=number), f"agent-{attempt}-{number}")
            took[number] = (time.perf_counter() - begun) * 1e3
            await client.stream.aclose()

        begun = time.perf_counter()
        with anyio.fail_after(_LONGEST):
            async with anyio.create_task_group() as tasks:
                for number in range(_AGENTS):
                    tasks.start_soon(one, number, attempt, took, values)
        seconds.append(time.perf_counter() - begun)
        p99.append(Samples(tuple(took.values())).percentile(0.99))
        wrong += sum(values[number].get("value") != number * 8 for number in range(_AGENTS))
    peak = _peak(pid)
    all_seconds = ", ".join(f"{each:.2f}" for each in seconds)
    seen = f"{median(seconds):.2f} s ({all_seconds}), {wrong} wrong; p99 {median(p99):,.0f} ms"
    return [
        Row(
            f"{_AGENTS:,} agents at once over HTTP, 3 tool calls each",
            "≤ 5 s, all correct",
            seen,
            median(seconds) <= 5 and not wrong,
        ),
        Row("the most memory of the service's process", "", f"{peak:,.0f} MB"),
    ]


async def sustained(port: int, up: Underpass) -> list[Row]:
    """Runs per second with a number in flight, over HTTP and in process, in turn."""
    rates: dict[str, list[float]] = {"http": [], "process": []}
    for _ in range(_ROUNDS):
        # The service hangs up on connections that say nothing for some seconds.
        clients = [await Client.connect(port) for _ in range(_IN_FLIGHT)]
        for kind, measured in rates.items():
            left = iter(range(_RUNS))

            async def work(client: Client, kind: str = kind, left: Any = left) -> None:
                for _number in left:
                    if kind == "http":
                        value = (await client.run("1+1", "default"))["value"]
                    else:
                        value = (await up.run("1+1")).value
                    assert value == 2

            begun = time.perf_counter()
            with anyio.fail_after(_LONGEST):
                async with anyio.create_task_group() as tasks:
                    for client in clients:
                        tasks.start_soon(work, client)
            measured.append(_RUNS / (time.perf_counter() - begun))
        for client in clients:
            await client.stream.aclose()
    ratio = median(http / process for http, process in zip(rates["http"], rates["process"], strict=True))
    return [
        Row(
            f"runs per second over HTTP, {_IN_FLIGHT} in flight, beside the same in process",
            "≥ 0.6 of it",
            f"{median(rates['http']):,.0f} / {median(rates['process']):,.0f} = {ratio:.2f}",
            ratio >= 0.6,
        )
    ]


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


async def measure() -> list[Row]:
    """Start the service, and measure it from here."""
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as here:
        command = [sys.executable, "-m", "benchmarks.service", "--serve", home]
        # It is there before anything is measured.
        with subprocess.Popen(  # noqa: ASYNC220
            command, stdout=subprocess.PIPE
        ) as service:
            try:
                assert service.stdout is not None
                port = json.loads(service.stdout.readline())["port"]
                async with _opened(Path(here)) as up:
                    rows = await sustained(port, up)
                return [*await agents(port, service.pid), *rows]
            finally:
                service.kill()


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["--serve"]:
        anyio.run(serve, Path(sys.argv[2]))
        return
    print(HEAD)
    for row in anyio.run(measure):
        print(row)


if __name__ == "__main__":
    main()
