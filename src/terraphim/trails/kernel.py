"""Reduce a graph to a small one in which a trail visits the targets if and only if one does in the large one.

A set of edges is a trail's if it is connected and at most two vertices are odd. Each step keeps the answer:

- A vertex without a target and with one edge goes: a trail that enters it cannot leave.
- A vertex without a target and with two edges is bridged by one edge.
- Two vertices with two edges between them, and three that are a triangle, shrink to one vertex. Inside such
  a piece there are connected edges that cover it, whatever the parities that its outside asks for, as long
  as they add up to an even number (Catlin calls such a graph collapsible).

``lift`` undoes the steps, last one first, and chooses the edges inside each piece by the parities asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Bridged:
    """One edge stands for two, and the vertex between them."""

    edge: int
    halves: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Shrunk:
    """Vertices became the first of them.

    Parameters:
        parts: the vertices; each keeps its own number when the step is undone.
        inside: for two parts, two edges; for three, the edge opposite to each part.
        moved: edges whose end was moved to the first part: edge, side, the part it belongs to.
        was_target: whether the first part had a target of its own.
    """

    parts: tuple[int, ...]
    inside: tuple[int, ...]
    moved: tuple[tuple[int, int, int], ...]
    was_target: bool


class Kernel:
    """A graph that has been reduced as far as the steps go.

    Parameters:
        neighbours: of each vertex of a connected graph.
        targets: vertices of it.
    """

    def __init__(self, neighbours: Mapping[int, Iterable[int]], targets: Collection[int]) -> None:
        self._ends: list[list[int]] = []
        self._between: dict[int, dict[int, set[int]]] = {vertex: {} for vertex in neighbours}
        self._targets = set(targets)
        self._steps: list[_Bridged | _Shrunk] = []
        for vertex, others in neighbours.items():
            for other in others:
                if vertex < other:
                    self._add(vertex, other)
        self._original_edges = len(self._ends)
        self._pairs = [(one, other) for one, other in self._ends]
        self._vertices = list(self._between)
        self._reduce()

    def edges(self) -> dict[int, tuple[int, int]]:
        """The edges that are left: number to ends."""
        return {
            edge: (vertex, other)
            for vertex, others in self._between.items()
            for other, numbers in others.items()
            if vertex < other
            for edge in numbers
        }

    def targets(self) -> set[int]:
        """The vertices that are left and hold a target."""
        return self._targets & self._between.keys()

    def lift(self, chosen: Iterable[int]) -> list[tuple[int, int]]:
        """The edges of the large graph for chosen edges of the small one.

        Parameters:
            chosen: numbers of edges; connected, at every target, with two odd vertices or none.
        """
        selected = _Selection(self._ends, chosen)
        odd = selected.odd_vertices()
        for step in reversed(self._steps):
            if isinstance(step, _Bridged):
                selected.replace(step.edge, step.halves)
            else:
                self._undo(step, selected, odd)
        return [(self._ends[edge][0], self._ends[edge][1]) for edge in selected.edges]

    def _undo(self, step: _Shrunk, selected: _Selection, odd: Collection[int]) -> None:
        for edge, side, part in step.moved:
            selected.move(edge, side, part)
        first = step.parts[0]
        if not step.was_target:
            self._targets.discard(first)
        asked = [(selected.degree(part) + (part in odd)) % 2 for part in step.parts]
        needed = [part in self._targets or part in odd or selected.degree(part) > 0 for part in step.parts]
        for edge in _inside(step.inside, asked, needed):
            selected.add(edge)

    def _reduce(self) -> None:
        while self._pairs or self._vertices:
            if self._pairs:
                one, other = self._pairs.pop()
                if other in self._between.get(one, ()):
                    self._shrink(one, other)
            else:
                vertex = self._vertices.pop()
                if vertex in self._between and vertex not in self._targets:
                    self._pass_over(vertex)

    def _shrink(self, one: int, other: int) -> None:
        edges = self._between[one][other]
        if len(edges) > 1:
            self._merge((one, other), tuple(sorted(edges)[:2]))
            return
        few, many = sorted((self._between[one], self._between[other]), key=len)
        for third in few:
            if third in many:
                opposite = ((other, third), (one, third), (one, other))
                self._merge((one, other, third), tuple(min(self._between[a][b]) for a, b in opposite))
                return

    def _merge(self, parts: tuple[int, ...], inside: tuple[int, ...]) -> None:
        # The part with the most neighbours stays where it is, so that few edges move.
        order = sorted(range(len(parts)), key=lambda index: -len(self._between[parts[index]]))
        parts = tuple(parts[index] for index in order)
        if len(parts) == 3:
            inside = tuple(inside[index] for index in order)
        first, *others = parts
        was_target = first in self._targets
        moved: list[tuple[int, int, int]] = []
        for part in others:
            for neighbour, edges in self._between.pop(part).items():
                del self._between[neighbour][part]
                if neighbour in parts:
                    continue
                for edge in edges:
                    side = self._ends[edge].index(part)
                    self._ends[edge][side] = first
                    moved.append((edge, side, part))
                self._between[neighbour].setdefault(first, set()).update(edges)
                self._between[first].setdefault(neighbour, set()).update(edges)
                self._pairs.append((first, neighbour))
            if part in self._targets:
                self._targets.add(first)
        self._steps.append(_Shrunk(parts, inside, tuple(moved), was_target))
        self._vertices.append(first)

    def _pass_over(self, vertex: int) -> None:
        around = self._between[vertex]
        # Double edges are gone by now, so that neighbours count edges.
        if len(around) == 1:
            (neighbour,) = around
            del self._between[vertex], self._between[neighbour][vertex]
            self._vertices.append(neighbour)
        elif len(around) == 2:
            one, other = around
            halves = (min(around[one]), min(around[other]))
            del self._between[vertex], self._between[one][vertex], self._between[other][vertex]
            self._steps.append(_Bridged(self._add(one, other), halves))
            self._pairs.append((one, other))

    def _add(self, one: int, other: int) -> int:
        edge = len(self._ends)
        self._ends.append([one, other])
        self._between[one].setdefault(other, set()).add(edge)
        self._between[other].setdefault(one, set()).add(edge)
        return edge


class _Selection:
    """Chosen edges, and how many of them meet in each vertex."""

    def __init__(self, ends: list[list[int]], chosen: Iterable[int]) -> None:
        self._ends = ends
        self._degrees: dict[int, int] = {}
        self.edges: set[int] = set()
        for edge in chosen:
            self.add(edge)

    def degree(self, vertex: int) -> int:
        return self._degrees.get(vertex, 0)

    def odd_vertices(self) -> set[int]:
        return {vertex for vertex, degree in self._degrees.items() if degree % 2}

    def add(self, edge: int) -> None:
        self.edges.add(edge)
        for vertex in self._ends[edge]:
            self._degrees[vertex] = self.degree(vertex) + 1

    def replace(self, edge: int, halves: Iterable[int]) -> None:
        if edge in self.edges:
            self.edges.remove(edge)
            for vertex in self._ends[edge]:
                self._degrees[vertex] -= 1
            for half in halves:
                self.add(half)

    def move(self, edge: int, side: int, vertex: int) -> None:
        if edge in self.edges:
            self._degrees[self._ends[edge][side]] -= 1
            self._degrees[vertex] = self.degree(vertex) + 1
        self._ends[edge][side] = vertex


def _inside(edges: Sequence[int], asked: Sequence[int], needed: Sequence[bool]) -> Sequence[int]:
    """The edges inside a piece that connect its needed parts and have the parities asked for."""
    if sum(needed) < 2:
        return ()
    if len(edges) == 2:
        return edges[:1] if asked[0] else edges
    odd = [index for index in range(3) if asked[index]]
    if not odd:
        return edges
    even = 3 - sum(odd)
    # Between the two odd parts: straight, or by way of the third.
    return [edges[index] for index in odd] if needed[even] else [edges[even]]
