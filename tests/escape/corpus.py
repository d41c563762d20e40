"""All attempts, by area."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.escape import (
    channel,
    execution,
    files,
    interpreter,
    kernel,
    leaks,
    network,
    processes,
    resources,
    writes,
)
from tests.escape.attempt import Attempt


class Area(NamedTuple):
    """Attempts of one kind, and the settings that they run under."""

    attempts: tuple[Attempt, ...]
    settings: dict[str, Any]


_USUAL = {"run.memory_mb": 256, "run.cpu_seconds": 10}
_SMALL = {
    "run.memory_mb": 64,
    # Two thousand threads, or 64 MB of small objects, cost a slow machine more than a second.
    "run.cpu_seconds": 4,
    "run.output_bytes": 200_000,
    "run.result_bytes": 1_000_000,
    "calls.max_calls": 50,
    "calls.max_argument_bytes": 1_000_000,
}

AREAS = {
    "files": Area(files.ATTEMPTS, _USUAL),
    "writes": Area(writes.ATTEMPTS, _USUAL),
    "network": Area(network.ATTEMPTS, _USUAL),
    "execution": Area(execution.ATTEMPTS, _USUAL),
    "processes": Area(processes.ATTEMPTS, _USUAL),
    "kernel": Area(kernel.ATTEMPTS, _USUAL),
    "interpreter": Area(interpreter.ATTEMPTS, _USUAL),
    "leaks": Area(leaks.ATTEMPTS, _USUAL),
    "resources": Area(resources.ATTEMPTS, _SMALL),
    "channel": Area(channel.ATTEMPTS, _SMALL),
}
NEIGHBOUR = "a neighbour at work all the while"
HOST = "the host's own descriptors afterwards"

NAMES = [
    f"{name}: {tried}"
    for name, area in AREAS.items()
    for tried in (*(attempt.name for attempt in area.attempts), NEIGHBOUR, HOST)
]
