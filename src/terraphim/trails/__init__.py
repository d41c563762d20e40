"""Find one trail through a graph, no edge used twice, that visits all targets.

Whether there is one is a hard question in general (for all vertices it is the question of a spanning trail,
which is NP-complete), so trying trails one by one takes exponential time. Here the answer is exact, and the
work is bounded:

1. All targets must stand in one connected component.
2. A greedy walk to the nearest target still missing finds most trails that exist, and short ones.
3. Otherwise the graph is reduced to a small one with the same answer (``kernel``): what hangs off without a
   target goes, vertices in mere passing are bridged, and double edges and triangles shrink to a vertex,
   because a trail can visit all of such a piece from wherever it enters to wherever it leaves.
4. The small graph is decided exactly, edge by edge, keeping only what matters about the edges chosen so far
   (``frontier``). That work is bounded; beyond the bound SearchLimitExceeded says that the question
   was not decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from terraphim.trails.frontier import MAX_WORK, choose_edges
from terraphim.trails.greedy import greedy_trail
from terraphim.trails.kernel import Kernel
from terraphim.trails.walk import euler_trail, shortened

__all__ = ["MAX_WORK", "find_trail"]


def find_trail(
    edges: Iterable[tuple[int, int]], targets: Sequence[int], *, max_work: int = MAX_WORK
) -> list[int] | None:
    """The vertices along a trail that visits every target, or None if there is none.

    Parameters:
        edges: pairs of vertices, without direction; loops and repeats count for nothing.
        targets: the vertices to visit, each once.
        max_work: the bound of the exact part.

    Raises:
        SearchLimitExceeded: the exact part reached its bound.
    """
    if len(targets) < 2:
        return list(targets)
    neighbours = _component(edges, targets[0])
    if any(target not in neighbours for target in targets):
        return None
    trail = greedy_trail(neighbours, targets)
    if trail is None:
        kernel = Kernel(neighbours, targets)
        chosen = choose_edges(kernel.edges(), kernel.targets(), max_work=max_work)
        if chosen is None:
            return None
        trail = euler_trail(kernel.lift(chosen), targets[0])
    return shortened(trail, targets)


def _component(edges: Iterable[tuple[int, int]], start: int) -> dict[int, dict[int, None]]:
    """The neighbours of each vertex in the component of ``start``, in the order of the edges."""
    neighbours: defaultdict[int, dict[int, None]] = defaultdict(dict)
    for one, other in edges:
        if one != other:
            neighbours[one][other] = None
            neighbours[other][one] = None
    reached: dict[int, dict[int, None]] = {}
    waiting = [start] if start in neighbours else []
    while waiting:
        vertex = waiting.pop()
        if vertex not in reached:
            reached[vertex] = neighbours[vertex]
            waiting += neighbours[vertex]
    return reached
