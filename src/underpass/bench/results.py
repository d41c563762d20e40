"""What was measured, and the few figures that it comes down to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from underpass.bench.conversation import Spent
from underpass.bench.task import Kind
from underpass.metrics import tokens

MANY: Final = 50
"""Tools of a catalog from which definitions are expected to weigh."""
PROGRAMS: Final = ("python", "typescript")
"""The arms of Underpass whose programs must be right."""
HEADLINE: Final = "python"
"""The arm that speaks for Underpass: `underpass serve`, asked in Python."""
MODES: Final = ("agent-direct", "agent-python", "agent-typescript")
"""What ``auto`` can choose between."""
OTHERS: Final = (*MODES, *PROGRAMS, "direct", "search", "fastmcp")
"""Every arm that one can have. Nobody can have the oracle."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One task in one arm, at one size of the catalog."""

    task: str
    kind: Kind
    size: int
    arm: str
    spent: Spent | None
    error: str = ""
    """Why there is nothing to count."""

    def to_dict(self) -> dict[str, Any]:
        """The same as a JSON object."""
        shown: dict[str, Any] = {"task": self.task, "kind": self.kind, "catalog": self.size, "arm": self.arm}
        if self.spent is None:
            return shown | {"error": self.error}
        return shown | self.spent.to_dict()


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a measurement; each None where an arm that it needs was not there."""

    data_heavy_saved_median: float | None
    oracle_saved_median: float | None
    auto_worst_ratio: float | None
    auto_worst_ratio_of_all: float | None
    fastmcp_saved_median: float | None
    correct: float | None

    def to_dict(self) -> dict[str, float | None]:
        """The same as a JSON object; shares from 0 to 1."""
        return {
            name: None if value is None else round(value, 4)
            for name, value in (
                ("data_heavy_saved_median", self.data_heavy_saved_median),
                ("oracle_saved_median", self.oracle_saved_median),
                ("auto_worst_ratio", self.auto_worst_ratio),
                ("auto_worst_ratio_of_all", self.auto_worst_ratio_of_all),
                ("fastmcp_saved_median", self.fastmcp_saved_median),
                ("correct", self.correct),
            )
        }


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured."""

    measured: Sequence[Measured]
    catalogs: Mapping[int, int]
    """Tokens of all definitions of each catalog, by its size."""
    left_out: Mapping[str, str]
    """Arms and catalogs that were not measured, and why."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the catalogs."""
        return tuple(self.catalogs)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms."""
        return tuple(dict.fromkeys(each.arm for each in self.measured))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks."""
        return tuple(dict.fromkeys(each.task for each in self.measured))

    def of(self, task: str, size: int) -> dict[str, Spent]:
        """Return what a task cost at a size, by arm; what gave a wrong answer did not carry it out."""
        return {
            each.arm: each.spent
            for each in self.measured
            if (each.task, each.size) == (task, size) and each.spent is not None and each.spent.correct
        }

    def saved(self, other: str, *, kind: Kind | None = None, least: int = 0) -> list[float]:
        """Return the shares of another arm's tokens that Underpass saves, for each task and size.

        Parameters:
            other: the arm.
            kind: of the tasks; None for all.
            least: tools that a catalog has.
        """
        kinds = {each.task: each.kind for each in self.measured}
        pairs = [
            self.of(task, size)
            for task in self.tasks
            for size in self.sizes
            if size >= least and kind in (None, kinds[task])
        ]
        return [
            1 - spent[HEADLINE].total / spent[other].total
            for spent in pairs
            if HEADLINE in spent and other in spent
        ]

    def ratios(self, arms: Sequence[str] = MODES) -> dict[tuple[str, int], tuple[float, str]]:
        """Return what ``auto`` takes as a multiple of the best of some arms, and which that is."""
        found: dict[tuple[str, int], tuple[float, str]] = {}
        for task in self.tasks:
            for size in self.sizes:
                spent = self.of(task, size)
                single = [arm for arm in arms if arm in spent]
                if "auto" in spent and single:
                    best = min(single, key=lambda arm: spent[arm].total)
                    found[task, size] = spent["auto"].total / spent[best].total, best
        return found

    def summary(self) -> Summary:
        """Return the figures."""
        programs = [each for each in self.measured if each.arm in PROGRAMS]
        right = [each for each in programs if each.spent is not None and each.spent.correct]
        return Summary(
            data_heavy_saved_median=_median(self.saved("direct", kind="data-heavy", least=MANY)),
            oracle_saved_median=_median(self.saved("oracle", kind="data-heavy", least=MANY)),
            auto_worst_ratio=self._worst(MODES),
            auto_worst_ratio_of_all=self._worst(OTHERS),
            fastmcp_saved_median=_median(self.saved("fastmcp")),
            correct=len(right) / len(programs) if programs else None,
        )

    def _worst(self, arms: Sequence[str]) -> float | None:
        return max((ratio for ratio, _ in self.ratios(arms).values()), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Everything as one JSON object."""
        return {
            "summary": self.summary().to_dict(),
            "tokenizer": tokens.TOKENIZER,
            "catalogs": [
                {"tools": size, "definition_tokens": count} for size, count in self.catalogs.items()
            ],
            "left_out": dict(self.left_out),
            "results": [each.to_dict() for each in self.measured],
        }


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None
