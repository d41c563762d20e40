"""Finds out what runs changed in their workspaces, without any run waiting for that.

A workspace is looked at before the first run of its agent, and again a moment after runs have ended, in a
thread. What differs belongs to the runs in whose time it happened: the kernel notes when it changed a file.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.workspace.changes.look import Look, differences, look
from underpass.workspace.changes.store import ChangesStore, FileChange, FilesOfRun, merged
from underpass.workspace.folders import is_name

_AFTER: Final = 0.3
"""Seconds from a run's end to the look."""
_SHARE: Final = 0.03
"""Of a processor, that looking may take: the more there is to look at, the more seldom."""
_SMALL: Final = 200
"""Files that are looked at on the spot, as they are counted for the quota; more are in a thread."""
_AT_ONCE: Final = 500
"""Agents that are looked at, and ended runs that wait for it: of what is more, nothing is recorded."""
_REMEMBERED: Final = 200_000
"""Files and folders of all workspaces together."""
_TICK: Final = 20_000_000
"""Nanoseconds by which the kernel's clock for files may be behind."""
_LOG: Final = logging.getLogger("underpass.workspace")


class FileChanges(Background):
    """Records what the runs of this process change. It is open for as long as there can be runs.

    Nothing here ever fails a run: what cannot be found out is not recorded.

    Parameters:
        workspaces: the folder that holds a folder for each agent.
        state: the state folder.
    """

    def __init__(self, workspaces: Path, state: Path) -> None:
        self._workspaces = workspaces
        self._store = ChangesStore(state)
        self._agents: dict[str, _Agent] = {}
        """Those used last come last."""
        self._waiting = 0
        self._due = anyio.Event()
        self._said = False

    def of(self, run: str, agent: str) -> ChangesOfRun:
        """Return what records one run."""
        return ChangesOfRun(self, run, agent)

    def find(self, run: str) -> FilesOfRun | None:
        """Return what a run changed; None where that is not recorded. It waits for the disk."""
        try:
            return self._store.find(run)
        except OSError as error:
            self._say(error)
            return None

    def awaits(self, run: str) -> bool:
        """Whether what a run changed is still to be recorded."""
        return any(each.run == run for agent in self._agents.values() for each in agent.recorded())

    async def begin(self, changes: ChangesOfRun) -> None:
        """Begin to record a run."""
        agent = self._agents.pop(changes.agent, None) or _Agent()
        self._agents[changes.agent] = agent
        if agent.known is None and not agent.live and self._waiting < _AT_ONCE:
            agent.known = await self._look(changes.agent)
        changes.begun = time.time_ns()
        for each in agent.live:
            each.mixed = changes.mixed = True
        agent.live.append(changes)

    def end(self, changes: ChangesOfRun) -> None:
        """Have the workspace of a run that has ended looked at, in a moment."""
        agent = self._agents.get(changes.agent)
        if agent is None or changes not in agent.live:
            return
        agent.live.remove(changes)
        changes.ended = time.time_ns()
        if agent.known is None or self._waiting >= _AT_ONCE:
            agent.known = None
            return
        self._waiting += 1
        agent.ended.append(changes)
        self._due.set()

    async def settle(self) -> None:
        """Look at the workspaces of the runs that have ended, and write what they changed."""
        due = {name: agent.ended for name, agent in self._agents.items() if agent.ended}
        if not due:
            return
        for name in due:
            self._agents[name].ended = []
        found = await anyio.to_thread.run_sync(self._look_at_all, list(due))
        rows: list[FilesOfRun] = []
        for name, ended in due.items():
            self._waiting -= len(ended)
            agent = self._agents[name]
            now = found[name]
            if agent.known is not None and now is not None:
                agent.tell(now, ended)
                rows += [each.files_of_run() for each in ended]
            agent.known = now
        try:
            await anyio.to_thread.run_sync(self._store.add, rows)
        except OSError as error:
            self._say(error)
        self._forget()

    async def _work(self) -> None:
        while True:
            await self._due.wait()
            await anyio.sleep(_AFTER)
            self._due = anyio.Event()
            begun = time.monotonic()
            await self.settle()
            await anyio.sleep((time.monotonic() - begun) / _SHARE)

    async def _finish(self) -> None:
        await self.settle()
        self._store.close()

    async def _look(self, agent: str) -> Look | None:
        if not is_name(agent):
            return None
        folder = self._workspaces / agent
        small = look(folder, _SMALL)
        return small if small is not None else await anyio.to_thread.run_sync(look, folder)

    def _look_at_all(self, agents: list[str]) -> dict[str, Look | None]:
        return {agent: look(self._workspaces / agent) for agent in agents}

    def _forget(self) -> None:
        """Let the agents go that have been without a run for the longest, where too much is remembered."""
        remembered = sum(len(agent.known or ()) for agent in self._agents.values())
        for name, agent in list(self._agents.items()):
            if remembered <= _REMEMBERED:
                return
            if not agent.recorded():
                remembered -= len(agent.known or ())
                del self._agents[name]

    def _say(self, error: OSError) -> None:
        if not self._said:
            _LOG.warning("which files runs changed cannot be recorded: %s", error)
        self._said = True


@dataclass(slots=True, eq=False)
class ChangesOfRun:
    """Records what one run changes."""

    _owner: FileChanges
    run: str
    agent: str
    begun: int = 0
    ended: int | None = None
    mixed: bool = False
    files: dict[str, FileChange] = field(default_factory=dict[str, FileChange])

    async def begin(self) -> None:
        """Begin, before anything of the run can write."""
        await self._owner.begin(self)

    def end(self) -> None:
        """The run writes no more. It may have been there at no beginning."""
        self._owner.end(self)

    def covers(self, when: int) -> bool:
        """Whether something can have happened in the run's time."""
        return self.begun - _TICK <= when and (self.ended is None or when <= self.ended + _TICK)

    def files_of_run(self) -> FilesOfRun:
        """What the run came to."""
        files = tuple(self.files[path] for path in sorted(self.files))
        return FilesOfRun(self.run, files, self.mixed)


@dataclass(slots=True, eq=False)
class _Agent:
    known: Look | None = None
    """What its workspace held at the last look."""
    live: list[ChangesOfRun] = field(default_factory=list[ChangesOfRun])
    ended: list[ChangesOfRun] = field(default_factory=list[ChangesOfRun])
    """Those that have ended since the last look."""

    def recorded(self) -> list[ChangesOfRun]:
        return [*self.live, *self.ended]

    def tell(self, now: Look, ended: list[ChangesOfRun]) -> None:
        """Tell each run what has changed in its time since the last look."""
        runs = [*ended, *self.recorded()]
        found = list(differences(self.known or {}, now))
        for run in runs:
            run.mixed = run.mixed or len(runs) > 1
            if not found:
                continue
            run.files = merged(run.files, (each for each, when in found if run.covers(when)))
