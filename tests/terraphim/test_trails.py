"""Trails over all targets: exact, with the trail, within a bound."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terraphim.errors import SearchLimitExceeded
from terraphim.trails import find_trail
from terraphim.trails.frontier import choose_edges
from terraphim.trails.kernel import Kernel
from terraphim.trails.walk import euler_trail, shortened

pytestmark = pytest.mark.requirement("R49")

Edges = list[tuple[int, int]]


def _exists(edges: Edges, targets: list[int]) -> bool:
    """The same question by trying every trail."""
    around: dict[int, list[tuple[int, int]]] = {}
    for number, (one, other) in enumerate(edges):
        around.setdefault(one, []).append((other, number))
        around.setdefault(other, []).append((one, number))

    def visits_all(vertex: int, used: int, missing: frozenset[int]) -> bool:
        if not missing:
            return True
        return any(
            visits_all(other, used | 1 << number, missing - {other})
            for other, number in around.get(vertex, ())
            if not used >> number & 1
        )

    return any(visits_all(target, 0, frozenset(targets) - {target}) for target in targets)


def _is_trail(trail: list[int], edges: Edges, targets: list[int]) -> bool:
    known = {frozenset(edge) for edge in edges}
    steps = [frozenset(step) for step in pairwise(trail)]
    return set(steps) <= known and len(set(steps)) == len(steps) and set(targets) <= set(trail)


VERTICES = st.integers(0, 8)
GRAPHS = st.lists(
    st.tuples(VERTICES, VERTICES).filter(lambda edge: edge[0] < edge[1]), min_size=1, max_size=12, unique=True
)
TARGETS = st.lists(VERTICES, min_size=2, max_size=9, unique=True)


@given(GRAPHS, TARGETS)
@settings(max_examples=500)
def test_there_is_a_trail_where_trying_all_finds_one(edges: Edges, targets: list[int]) -> None:
    trail = find_trail(edges, targets)
    assert (trail is not None) == _exists(edges, targets)
    assert trail is None or _is_trail(trail, edges, targets)


@given(GRAPHS, TARGETS)
@settings(max_examples=500)
def test_the_exact_part_alone_answers_the_same(edges: Edges, targets: list[int]) -> None:
    around: dict[int, list[int]] = {}
    for one, other in edges:
        around.setdefault(one, []).append(other)
        around.setdefault(other, []).append(one)
    reached = {targets[0]}
    for _ in edges:
        reached |= {other for vertex in reached for other in around.get(vertex, ())}
    if not set(targets) <= reached:
        return
    kernel = Kernel({vertex: around[vertex] for vertex in sorted(reached)}, targets)
    chosen = choose_edges(kernel.edges(), kernel.targets())
    assert (chosen is not None) == _exists(edges, targets)
    if chosen is not None:
        assert _is_trail(shortened(euler_trail(kernel.lift(chosen), targets[0]), targets), edges, targets)


def _grid(width: int) -> Edges:
    across = [(row * width + x, row * width + x + 1) for row in range(width) for x in range(width - 1)]
    down = [(row * width + x, (row + 1) * width + x) for row in range(width - 1) for x in range(width)]
    return across + down


def test_a_large_dense_graph_is_answered() -> None:
    edges = [(one, other) for one in range(200) for other in range(one)]
    trail = find_trail(edges, list(range(200)))
    assert trail is not None
    assert len(trail) == 200


def test_three_ends_of_a_large_graph_are_no_trail() -> None:
    tree = [(number, (number - 1) // 2) for number in range(1, 20_000)]
    assert find_trail(tree, [19_999 - 1, 19_997, 15_000]) is None
    assert find_trail(tree, [19_998, 15_000]) is not None
    assert find_trail([*_grid(40), (0, -1), (39, -2), (1599, -3)], [-1, -2, -3]) is None


def test_a_question_beyond_the_bound_is_not_answered() -> None:
    edges = dict(enumerate(_grid(10)))
    with pytest.raises(SearchLimitExceeded) as refused:
        choose_edges(edges, range(100), max_work=10_000)
    assert refused.value.data["bound"] == 10_000


def test_a_target_outside_the_graph_is_on_no_trail() -> None:
    assert find_trail([(1, 2)], [1, 3]) is None
    assert find_trail([], [1, 2]) is None
    assert find_trail([(1, 1), (2, 2)], [1, 2]) is None


def test_one_target_is_its_own_trail() -> None:
    assert find_trail([], [1]) == [1]
    assert find_trail([], []) == []
