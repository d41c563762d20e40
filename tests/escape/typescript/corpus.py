"""All attempts in TypeScript, by area."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.escape.corpus import HOST, NEIGHBOUR, Area
from tests.escape.typescript import excess, walls

_USUAL = {"run.memory_mb": 256, "run.cpu_seconds": 10}
_SMALL = {
    "run.memory_mb": 64,
    "run.cpu_seconds": 3,
    "run.output_bytes": 200_000,
    "run.result_bytes": 1_000_000,
    "calls.max_calls": 50,
    "calls.max_argument_bytes": 1_000_000,
}

AREAS = {
    "typescript-files": Area(walls.FILES, _USUAL),
    "typescript-network": Area(walls.NETWORK, _USUAL),
    "typescript-processes": Area(walls.PROCESSES, _USUAL),
    "typescript-engine": Area(walls.ENGINE, _USUAL),
    "typescript-resources": Area(excess.RESOURCES, _SMALL),
    "typescript-channel": Area(excess.CHANNEL, _SMALL),
}

NAMES = [
    f"{name}: {tried}"
    for name, area in AREAS.items()
    for tried in (*(attempt.name for attempt in area.attempts), NEIGHBOUR, HOST)
]


def _together(settings: dict[str, Any]) -> Area:
    """The attempts of all areas with these settings, so that they share one warm Deno."""
    return Area(
        tuple(
            replace(attempt, name=f"{name}: {attempt.name}")
            for name, area in AREAS.items()
            if area.settings is settings
            for attempt in area.attempts
        ),
        settings,
    )


FORKED_AREAS = {"forked": _together(_USUAL), "forked with little": _together(_SMALL)}
"""The same attempts, to be made in processes that are forked from a warm Deno."""

SESSION_AREAS = {"in a session": _together(_USUAL), "in a session with little": _together(_SMALL)}
"""The same attempts, each made in the second run of a session."""

FORKED_NAMES = [
    *(
        f"{name}: {tried}"
        for name, area in FORKED_AREAS.items()
        for tried in (*(attempt.name for attempt in area.attempts), NEIGHBOUR)
    ),
    f"forked: {HOST}",
]

SESSION_NAMES = [
    f"{name}: {tried}"
    for name, area in SESSION_AREAS.items()
    for tried in (*(attempt.name for attempt in area.attempts), NEIGHBOUR, HOST)
]
