"""Choose edges of a small graph so that they are one trail over all targets, or show that none are."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from terraphim.errors import SearchLimitExceeded

# Open vertices in all states together: a few seconds, and some tens of megabytes.
MAX_WORK = 1_000_000

# For each vertex between edges decided and edges to come: twice the number of its piece of the chosen edges
# (0: none), plus one where it is odd. Then how many odd vertices lie behind; whether the trail is complete.
_State = tuple[tuple[int, ...], int, bool]


@dataclass(frozen=True, slots=True)
class _Turn:
    """One edge to decide, the vertices met first there, and those that meet no edge afterwards."""

    edge: int
    ends: tuple[int, int]
    before: tuple[int, ...]
    after: tuple[int, ...]


def choose_edges(
    edges: Mapping[int, tuple[int, int]], targets: Collection[int], *, max_work: int = MAX_WORK
) -> list[int] | None:
    """Numbers of edges that are connected, touch every target, and leave at most two vertices odd.

    One target needs no edge. The edges are decided one after the other. Of the choices made so far only this
    matters: which vertices that meet edges to come are joined, which are odd, how many odd ones are left
    behind, and whether the trail is complete. Choices that agree in it are one state.

    Raises:
        SearchLimitExceeded: the states hold more than ``max_work`` open vertices.
    """
    if len(targets) < 2:
        return []
    degrees = Counter(end for ends in edges.values() for end in ends)
    if sum(degrees[target] == 1 for target in targets) > 2:
        return None
    layers: list[dict[_State, tuple[_State, bool]]] = []
    states: list[_State] = [((), 0, False)]
    total = 0
    for turn in _turns(edges):
        layer: dict[_State, tuple[_State, bool]] = {}
        for state in states:
            for taken in (False, True):
                following = _follow(state, turn, targets, taken=taken)
                if following is not None:
                    layer.setdefault(following, (state, taken))
        total += len(layer) * (1 + len(turn.after))
        if total > max_work:
            raise SearchLimitExceeded(
                f"Whether one trail visits all {len(targets)} places is not decided within the bound.",
                hint="Ask about fewer terms, or about the parts of the text.",
                bound=max_work,
            )
        layers.append(layer)
        states = list(layer)
    complete = [state for state in states if state[2]]
    return _choices(edges, layers, complete[0]) if complete else None


def _choices(
    edges: Mapping[int, tuple[int, int]],
    layers: Sequence[Mapping[_State, tuple[_State, bool]]],
    state: _State,
) -> list[int]:
    chosen: list[int] = []
    for turn, layer in zip(reversed(_turns(edges)), reversed(layers), strict=True):
        state, taken = layer[state]
        if taken:
            chosen.append(turn.edge)
    return chosen


def _turns(edges: Mapping[int, tuple[int, int]]) -> list[_Turn]:
    """The edges in an order that keeps few vertices open: by their later end, in breadth-first order."""
    position = _positions(edges)
    order = sorted(edges, key=lambda edge: sorted((position[end] for end in edges[edge]), reverse=True))
    last = {end: index for index, edge in enumerate(order) for end in edges[edge]}
    turns: list[_Turn] = []
    open_vertices: tuple[int, ...] = ()
    for index, edge in enumerate(order):
        before = open_vertices + tuple(end for end in edges[edge] if end not in open_vertices)
        open_vertices = tuple(vertex for vertex in before if last[vertex] > index)
        turns.append(_Turn(edge, edges[edge], before, open_vertices))
    return turns


def _positions(edges: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    neighbours: dict[int, list[int]] = {}
    for one, other in edges.values():
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    # From an end of the graph, where the waves stay narrow.
    start = _wave(neighbours, next(iter(neighbours)))[-1]
    return {vertex: index for index, vertex in enumerate(_wave(neighbours, start))}


def _wave(neighbours: Mapping[int, Sequence[int]], start: int) -> list[int]:
    reached = {start: None}
    waiting = deque([start])
    while waiting:
        for other in neighbours[waiting.popleft()]:
            if other not in reached:
                reached[other] = None
                waiting.append(other)
    return list(reached)


def _follow(state: _State, turn: _Turn, targets: Collection[int], *, taken: bool) -> _State | None:
    """The state behind one decision, or None where it can lead to no trail."""
    known, odd_behind, complete = state
    cells = known + (0,) * (len(turn.before) - len(known))
    pieces = {vertex: divmod(cell, 2) for vertex, cell in zip(turn.before, cells, strict=True)}
    if taken:
        if complete:
            return None
        _join(pieces, turn.ends)
    for vertex in turn.before:
        if vertex in turn.after:
            continue
        piece, parity = pieces.pop(vertex)
        odd_behind += parity
        if odd_behind > 2 or (piece == 0 and vertex in targets):
            return None
        if piece and all(other != piece for other, _ in pieces.values()):
            # Nothing can be added to this piece: it is the whole trail, or there is none.
            if complete or any(other for other, _ in pieces.values()):
                return None
            complete = True
    return _canonical(pieces, turn.after), odd_behind, complete


def _join(pieces: dict[int, tuple[int, int]], ends: tuple[int, int]) -> None:
    one, other = (pieces[end][0] for end in ends)
    joined = one or other or 1 + max(piece for piece, _ in pieces.values())
    for vertex, (piece, parity) in pieces.items():
        if vertex in ends:
            pieces[vertex] = (joined, 1 - parity)
        elif piece and piece in (one, other):
            pieces[vertex] = (joined, parity)


def _canonical(pieces: Mapping[int, tuple[int, int]], order: Sequence[int]) -> tuple[int, ...]:
    """The same pieces, numbered in the order of their first vertices."""
    numbers = {0: 0}
    return tuple(2 * numbers.setdefault(pieces[v][0], len(numbers)) + pieces[v][1] for v in order)
