"""The vectors of an index's tools in one matrix, to compare a request with all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STORED = np.dtype(np.float16)
"""How a vector is kept: the third digit of a similarity decides nothing."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near each tool is to a request."""

    nearest: Sequence[int]
    """The tools that are nearest, in no order."""
    usual: float
    """The mean similarity of all."""
    _similarities: Mapping[int, int]
    _values: NDArray[np.float32]

    def of(self, number: int) -> float | None:
        """The similarity of one tool, from -1 to 1; None if it has no vector yet."""
        row = self._similarities.get(number)
        return None if row is None else float(self._values[row])


class VectorMatrix:
    """A row for each tool; one that leaves frees its row."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self._free: list[int] = []
        self._matrix: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._order: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, vectors: Mapping[int, bytes]) -> None:
        """Enter the stored vectors of tools that have none."""
        if not vectors:
            return
        values = np.frombuffer(b"".join(vectors.values()), STORED).reshape(len(vectors), -1)
        self._reserve(len(vectors), values.shape[1])
        rows = [self._free.pop() for _ in vectors]
        self._matrix[rows] = values
        self._rows.update(zip(vectors, rows, strict=True))
        self._order = None

    def remove(self, number: int) -> None:
        """Take out a tool, if it is there."""
        row = self._rows.pop(number, None)
        if row is not None:
            self._free.append(row)
            self._order = None

    def near(self, vector: Sequence[float], allowed: Collection[int] | None, most: int) -> Nearness | None:
        """Compare a request with all tools, or with those of ``allowed``; None if none has a vector.

        Parameters:
            most: how many of the nearest are given.
        """
        if allowed is None:
            numbers, rows = self._ordered()
        else:
            found = [number for number in allowed if number in self._rows]
            numbers = np.array(found, np.int64)
            rows = np.array([self._rows[number] for number in found], np.int64)
        if not len(numbers):
            return None
        asked = np.asarray(vector, np.float32)
        few = len(rows) * 4 < len(self._rows)
        used = self._matrix[rows] if few else self._matrix[: int(rows.max()) + 1]
        # Row by row: one product of all would be given to threads that wait for each other on a busy machine.
        all_values: NDArray[np.float32] = np.vecdot(used, asked)
        values = all_values if few else all_values[rows]
        nearest = numbers
        if len(numbers) > most:
            nearest = numbers[np.argpartition(values, -most)[-most:]]
        places = self._rows
        if few:
            places = dict(zip(numbers.tolist(), range(len(numbers)), strict=True))
        return Nearness(nearest.tolist(), float(values.mean()), places, all_values)

    def _ordered(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self._order is None:
            count = len(self._rows)
            numbers = np.fromiter(self._rows.keys(), np.int64, count)
            rows = np.fromiter(self._rows.values(), np.int64, count)
            self._order = numbers, rows
        return self._order

    def _reserve(self, more: int, dimensions: int) -> None:
        if more <= len(self._free):
            return
        size = len(self._matrix)
        grown = max(len(self._rows) + more, size * 3 // 2)
        matrix = np.zeros((grown, dimensions), np.float32)
        matrix[:size, :] = self._matrix if size else 0
        self._matrix = matrix
        self._free[:0] = range(grown - 1, size - 1, -1)
