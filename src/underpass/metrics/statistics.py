"""What all runs together cost and saved, from the store in the state folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from underpass.metrics.figures import (
    AgentFigures,
    DayFigures,
    Recommendation,
    RunsPage,
    ServerFigures,
    Summary,
    ToolFigures,
)


def _nothing() -> None:
    pass


class Statistics:
    """The figures of the runs in ``folder``, whichever processes they were in. For any thread.

    It waits for the disk: call it in a thread. Every method raises ``OSError`` when the store cannot be
    read. In all of them ``since`` leaves out runs that began before it (None: none), and ``agents`` those
    of agents whose names do not begin with it (``"acme."``; None: none).

    Parameters:
        folder: the store's.
        settle: writes what is not yet there; by default nothing.
    """

    def __init__(self, folder: Path, settle: Callable[[], object] = _nothing) -> None:
        self._folder = folder
        self._settle = settle

    def summary(self, since: datetime | None = None, agents: str | None = None) -> Summary:
        """Return the figures of all runs together."""
        raise NotImplementedError

    def by_day(self, since: datetime | None = None, agents: str | None = None) -> Sequence[DayFigures]:
        """Return the figures of each day that has runs, the oldest first. Days are those of UTC."""
        raise NotImplementedError

    def by_agent(self, since: datetime | None = None, agents: str | None = None) -> Sequence[AgentFigures]:
        """Return the figures of each agent, the one with the most runs first."""
        raise NotImplementedError

    def by_tool(self, since: datetime | None = None, agents: str | None = None) -> Sequence[ToolFigures]:
        """Return the figures of each tool that was called, the one with the longest results first."""
        raise NotImplementedError

    def by_server(self, since: datetime | None = None, agents: str | None = None) -> Sequence[ServerFigures]:
        """Return the figures of each server that was called or is configured, the most called first."""
        raise NotImplementedError

    def runs(
        self,
        since: datetime | None = None,
        agents: str | None = None,
        *,
        agent: str | None = None,
        outcome: str | None = None,
        language: str | None = None,
        server: str | None = None,
        tool: str | None = None,
        code: str | None = None,
        losses: bool = False,
        before: int | None = None,
        limit: int = 50,
    ) -> RunsPage:
        """Return a page of runs, the youngest first.

        Parameters:
            agent: of this agent.
            outcome: ``"ok"``, ``"failed"`` for all others, or the type of an error.
            language: in this language.
            server, tool: that called this server, this tool.
            code: of this program, by the beginning of its SHA-256.
            losses: that cost more tokens than direct calls.
            before: where the page before ended.
            limit: how many at most.
        """
        raise NotImplementedError

    def recommendations(
        self, since: datetime | None = None, agents: str | None = None
    ) -> Sequence[Recommendation]:
        """Return what would save the most, the most first."""
        raise NotImplementedError
