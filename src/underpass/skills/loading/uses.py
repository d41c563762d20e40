"""How often one run has called skills, by the word of its guest: figures, and never more than a bound."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from underpass.skills.seams import Uses
from underpass.skills.skill import Skill, Use

_MOST: Final = 1_000
"""Uses of one run that are taken down."""
_LONGEST: Final = 86_400_000.0
"""Milliseconds: no run takes longer."""


class UsesOfRun:
    """Takes down what a guest says of the calls of skills.

    Parameters:
        uses: is told of each.
        skill: returns the skill with a digest, None for what the run's agent has not loaded.
    """

    def __init__(self, uses: Uses, skill: Callable[[str], Skill | None], agent: str, run: str) -> None:
        self._uses = uses
        self._skill = skill
        self._agent = agent
        self._run = run
        self._left = _MOST
        self._open: dict[str, list[float]] = {}
        """When the calls began that are under way, by digest."""

    def note(self, digest: str, under_way: int, ok: int, failed: int, milliseconds: float) -> None:
        """Take down calls of one skill.

        Parameters:
            under_way: 1 where one begins, -1 where one ends, 0 for calls that are told of together.
            ok: how many went well.
            failed: how many did not.
            milliseconds: of all of them together.
        """
        if under_way > 0 and len(begun := self._open.setdefault(digest, [])) < _MOST:
            begun.append(time.monotonic())
        elif under_way < 0 and self._open.get(digest):
            self._open[digest].pop(0)
        if ok < 0 or failed < 0 or ok + failed == 0 or not math.isfinite(milliseconds):
            return
        each = min(max(milliseconds, 0.0), _LONGEST) / (ok + failed)
        self._take(digest, min(failed, self._left), each, ok=False)
        self._take(digest, min(ok, self._left), each, ok=True)

    def close(self, *, died: bool) -> None:
        """End the counting; where the guest died, what was under way has failed."""
        now = time.monotonic()
        for digest, begun in self._open.items() if died else ():
            for since in begun:
                self._take(digest, min(1, self._left), (now - since) * 1e3, ok=False)
        self._open.clear()

    def _take(self, digest: str, count: int, milliseconds: float, *, ok: bool) -> None:
        if count <= 0 or (skill := self._skill(digest)) is None:
            return
        self._left -= count
        use = Use(skill.name, skill.version, digest, self._run, self._agent, time.time(), ok, milliseconds)
        for _ in range(count):
            self._uses.note(use)
