"""Turn a set of edges into a walk, and leave out what it need not visit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence


def euler_trail(edges: Iterable[tuple[int, int]], start: int) -> list[int]:
    """The vertices along a trail over all the edges, which are connected and have two odd vertices or none.

    Parameters:
        start: where a closed trail begins; the trail touches it.
    """
    neighbours: defaultdict[int, dict[int, None]] = defaultdict(dict)
    for one, other in edges:
        neighbours[one][other] = None
        neighbours[other][one] = None
    odd = [vertex for vertex, others in neighbours.items() if len(others) % 2]
    walk: list[int] = []
    stack = [odd[0] if odd else start]
    while stack:
        vertex = stack[-1]
        if neighbours[vertex]:
            other, _ = neighbours[vertex].popitem()
            del neighbours[other][vertex]
            stack.append(other)
        else:
            walk.append(stack.pop())
    return walk


def shortened(trail: Sequence[int], targets: Sequence[int]) -> list[int]:
    """The trail without ends and round trips that visit no target for the only time."""
    wanted = set(targets)
    visits = Counter(vertex for vertex in trail if vertex in wanted)
    kept: list[int] = []
    place: dict[int, int] = {}
    for vertex in trail:
        earlier = place.get(vertex)
        if earlier is not None:
            cut = [*kept[earlier + 1 :], vertex]
            lost = Counter(other for other in cut if other in wanted)
            if all(visits[other] > count for other, count in lost.items()):
                for other in kept[earlier + 1 :]:
                    if place.get(other, -1) > earlier:
                        del place[other]
                del kept[earlier + 1 :]
                visits -= lost
                continue
        place[vertex] = len(kept)
        kept.append(vertex)
    for end in (-1, 0):
        while kept and visits[kept[end]] != 1:
            visits[kept[end]] -= 1
            del kept[end]
    return kept
