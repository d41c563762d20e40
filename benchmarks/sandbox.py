"""The sandbox's speed and memory, beside its peers: the table of docs/benchmarks.md.

    python -m benchmarks.sandbox

Takes about a minute and a half on an otherwise idle machine, and once more to install the peers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from benchmarks import agents, idle, latency, packages, peers, throughput
from benchmarks.measure import HEAD, Row, machine
from benchmarks.processes import Others
from underpass import Underpass


def show(rows: Sequence[Row]) -> None:
    """Print rows as soon as they are known."""
    print(*rows, sep="\n", flush=True)


async def main() -> None:
    """Measure, and print what belongs into docs/benchmarks.md."""
    print(machine(), "\n")
    others = Others()
    print(HEAD)
    async with AsyncExitStack() as stack:
        compared: peers.Peers | None = None
        try:
            compared = await stack.enter_async_context(peers.opened())
        except peers.PeersUnavailable as error:
            show(latency.unavailable(str(error)))
        home = stack.enter_context(tempfile.TemporaryDirectory())
        servers = {"idle": idle.server("idle", nothing=idle.nothing)}
        up = await stack.enter_async_context(Underpass.open(servers, home=home))
        show(await latency.runs(up, compared))
        show(await latency.without_pause(up, compared))
        show(await latency.calls(up, compared))
        show(await throughput.sustained(up))
    show(await agents.at_once())
    show(await agents.alive())
    show(await packages.preloaded(Path(__file__).parent / ".peers" / "environments"))
    print(f"\nMeanwhile other processes took {others.share():.0%} of the processors' time.")


if __name__ == "__main__":
    anyio.run(main)
