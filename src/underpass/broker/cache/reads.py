"""What the result of a run rests on, of what its program was told by tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from underpass.broker.call import Call, Freshness

_MOST_BYTES: Final = 1 << 20
"""Of the arguments of all calls; a run with more is not worth keeping."""


@dataclass(frozen=True, slots=True)
class Read:
    """One call that need not be made again for a while."""

    server: str
    tool: str
    digest: str
    """Of the tool's definition."""
    arguments: bytes
    freshness: Freshness


class Reads:
    """The calls of one run, for as long as none of them has to be made each time.

    Parameters:
        spoiled: called once, when the run's result turns out to be good for this run alone.
    """

    def __init__(self, spoiled: Callable[[], object]) -> None:
        self.calls: list[Read] = []
        self.are_spoiled = False
        self._spoiled = spoiled
        self._left = _MOST_BYTES

    def note(self, call: Call, freshness: Freshness | None) -> None:
        """Add a call that went well; ``freshness`` is None where the next one has to be made."""
        self._left -= len(call.encoded)
        if freshness is None or self._left < 0:
            self.spoil()
        elif not self.are_spoiled:
            tool = call.tool
            self.calls.append(Read(tool.server, tool.name, call.digest, call.encoded, freshness))

    def spoil(self) -> None:
        """Note that the run did something that no later run may leave out."""
        if not self.are_spoiled:
            self.are_spoiled = True
            self.calls.clear()
            self._spoiled()
