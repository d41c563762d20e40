"""Walk to the nearest target that is still missing, along edges not used yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

_STARTS = 8
# Edges looked at, over all walks: what a walk may cost before the exact way takes over.
_MAX_EDGES = 400_000


def greedy_trail(neighbours: Mapping[int, Mapping[int, None]], targets: Sequence[int]) -> list[int] | None:
    """The shortest of the walks from the first few targets, or None where each gets stuck."""
    best: list[int] | None = None
    budget = [_MAX_EDGES]
    for start in targets[:_STARTS]:
        trail = _walk(neighbours, targets, start, budget)
        if trail is not None and (best is None or len(trail) < len(best)):
            best = trail
    return best


def _walk(
    neighbours: Mapping[int, Mapping[int, None]], targets: Sequence[int], start: int, budget: list[int]
) -> list[int] | None:
    trail = [start]
    used: set[tuple[int, int]] = set()
    missing = set(targets) - {start}
    while missing:
        way = _nearest(neighbours, trail[-1], missing, used, budget)
        if way is None:
            return None
        for vertex in way:
            used.update(((trail[-1], vertex), (vertex, trail[-1])))
            missing.discard(vertex)
            trail.append(vertex)
    return trail


def _nearest(
    neighbours: Mapping[int, Mapping[int, None]],
    start: int,
    missing: set[int],
    used: set[tuple[int, int]],
    budget: list[int],
) -> list[int] | None:
    """The vertices behind ``start`` on a shortest way to a missing target."""
    came_from = {start: start}
    waiting = deque([start])
    while waiting and budget[0] > 0:
        vertex = waiting.popleft()
        budget[0] -= len(neighbours[vertex])
        for other in neighbours[vertex]:
            if other in came_from or (vertex, other) in used:
                continue
            came_from[other] = vertex
            if other in missing:
                way = [other]
                while came_from[way[-1]] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            waiting.append(other)
    return None
