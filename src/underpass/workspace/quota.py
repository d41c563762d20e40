"""Keeps each agent's workspace within its quota, where no file system does it for us.

Short runs must not pay for a count of files. So a count is remembered, and trusted for as long as
the agent's runs since then cannot have written what was left: they write no faster than memory.
Longer runs are looked at while they live, all by one task. One file cannot grow past what is left,
by a limit of the kernel's.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
from anyio import to_thread

from underpass.background import Background
from underpass.config import WorkspaceSettings
from underpass.errors import WorkspaceFull
from underpass.workspace.usage import Usage, measure

_MB: Final = 1_048_576
_FIRST_LOOK: Final = 0.25
"""Seconds after which a run is looked at, and between looks."""
_SHARE: Final = 0.03
"""Of a processor, that looking may take: the more there is to count, the more seldom."""
_BYTES_PER_SECOND: Final = 4e9
_FILES_PER_SECOND: Final = 4e5
"""What an agent's runs can write at most."""
_SMALL: Final = 200
"""Files that are counted at once; more are counted in a thread, beside other runs."""
_MAKE_ROOM: Final = (
    "delete what is no longer needed (earlier runs leave files in results/), or raise the setting"
)
_KEPT: Final = 10_000
"""Agents whose last count is kept."""


class Limited(Protocol):
    """A sandbox at work."""

    def limit_file_size(self, size: int) -> None:
        """Let no file grow beyond ``size`` bytes from now on."""
        ...

    def kill(self) -> None:
        """End the program; its channel closes then."""
        ...


class WorkspaceQuotas(Background):
    """The quota of every agent's workspace. It is open for as long as there can be runs.

    Parameters:
        root: the folder that holds a folder for each agent.
        settings: the quota.
        file_mb: the largest file that a program may write in any case, in MiB.
    """

    def __init__(self, root: Path, settings: WorkspaceSettings, *, file_mb: int) -> None:
        self.settings = settings
        self.file_bytes = file_mb * _MB
        self._root = root
        self._quota = Usage(settings.quota_mb * _MB, settings.max_files)
        self._agents: dict[str, _Agent] = {}
        self._live: set[QuotaOfRun] = set()
        self._some_live = anyio.Event()

    def watch(self, name: str, sandbox: Limited) -> QuotaOfRun:
        """Count one run of an agent among those that live. Whoever calls this calls ``leave``."""
        agent = self._agents.get(name)
        if agent is None:
            agent = self._agents[name] = _Agent(name, self._root / name)
        now = time.monotonic()
        agent.enter(now)
        run = QuotaOfRun(self, agent, sandbox, now)
        self._live.add(run)
        if not self._some_live.is_set():
            self._some_live.set()
        return run

    def leave(self, run: QuotaOfRun) -> None:
        """Count a run no more."""
        self._live.discard(run)
        run.agent.leave(time.monotonic())
        if len(self._agents) > _KEPT:
            self._agents = {name: agent for name, agent in self._agents.items() if agent.live}

    async def up_to_date(self, agent: _Agent) -> Usage:
        """Return what an agent's workspace holds, counted again where it may be over the quota."""
        usage = agent.usage
        if usage is not None:
            exposed = agent.exposed(time.monotonic())
            if (
                usage.bytes + exposed * _BYTES_PER_SECOND < self._quota.bytes
                and usage.files + exposed * _FILES_PER_SECOND < self._quota.files
                and not usage.unread
            ):
                return usage
        return await self.count(agent)

    async def count(self, agent: _Agent) -> Usage:
        """Return what an agent's workspace holds now."""
        begun = time.monotonic()
        most = self._quota.files
        small = agent.usage is None or agent.usage.files < _SMALL
        counted = measure(agent.folder, min(_SMALL, most)) if small else None
        if counted is None or _SMALL < counted.files <= most:
            counted = await to_thread.run_sync(partial(measure, agent.folder, most))
        return agent.note(counted, begun)

    async def left(self, agent: _Agent, size: int, growth: int) -> Usage:
        """Return what surely still fits into a workspace, counted again where that is too little.

        Raises ``WorkspaceFull`` where a file of ``size`` bytes, ``growth`` of them new, does not fit.
        """
        if size > self.file_bytes:
            raise WorkspaceFull(
                f"the file takes {size / _MB:,.1f} MB, and a file has at most {self.file_bytes // _MB:,} MB",
                hint="write several files, or raise the setting run.file_mb",
                limit="file_mb",
                value=self.file_bytes // _MB,
                setting="run.file_mb",
            )
        if (usage := agent.usage) is not None:
            # Runs since then can have written so much.
            exposed = agent.exposed(time.monotonic())
            known = self.room(usage) - int(exposed * _BYTES_PER_SECOND)
            files = self._quota.files - usage.files - int(exposed * _FILES_PER_SECOND)
            if growth <= known and files > 0:
                return Usage(known, files)
        usage = await self.count(agent)
        room = self.room(usage)
        if growth > room or usage.files >= self._quota.files:
            raise self.no_room(agent.name, replace(usage, files=usage.files + 1))
        return Usage(room, self._quota.files - usage.files)

    def room(self, usage: Usage) -> int:
        """Return how many bytes are left."""
        if usage.unread or usage.files >= self._quota.files:
            return 0
        return max(self._quota.bytes - usage.bytes, 0)

    def error(self, name: str, usage: Usage) -> WorkspaceFull | None:
        """Say what is wrong with a workspace that holds ``usage``; None where nothing is."""
        mb, files = self.settings.quota_mb, self.settings.max_files
        if usage.unread:
            return WorkspaceFull(
                f"the folder {usage.unread!r} in the workspace of {name!r} cannot be counted",
                hint="let its owner read it, or delete it; folders may be 64 deep",
                path=usage.unread,
            )
        if usage.bytes > self._quota.bytes:
            return WorkspaceFull(
                f"the workspace of {name!r} holds {usage.bytes / _MB:,.1f} MB, and its quota is {mb:,} MB",
                hint=f"{_MAKE_ROOM} workspace.quota_mb",
                limit="quota_mb",
                value=mb,
                setting="workspace.quota_mb",
                used_bytes=usage.bytes,
            )
        if usage.files > self._quota.files:
            return WorkspaceFull(
                f"the workspace of {name!r} has no room for more than {files:,} files and folders",
                hint=f"{_MAKE_ROOM} workspace.max_files",
                limit="max_files",
                value=files,
                setting="workspace.max_files",
            )
        return None

    def no_room(self, name: str, usage: Usage) -> WorkspaceFull:
        """Say that a file would not have fitted into what is left."""
        return self.error(name, usage) or WorkspaceFull(
            f"a file did not fit into what is left of the workspace of {name!r}: it holds "
            f"{usage.bytes / _MB:,.1f} MB, and its quota is {self.settings.quota_mb:,} MB",
            hint=f"{_MAKE_ROOM} workspace.quota_mb; a file in /tmp may be no larger than what is left",
            limit="quota_mb",
            value=self.settings.quota_mb,
            setting="workspace.quota_mb",
            used_bytes=usage.bytes,
        )

    async def _work(self) -> None:
        while True:
            await self._some_live.wait()
            pause = _FIRST_LOOK
            while self._live:
                await anyio.sleep(pause)
                pause = max(_FIRST_LOOK, await self._look() / _SHARE)
            self._some_live = anyio.Event()

    async def _look(self) -> float:
        """Count the workspaces of runs that have lasted; returns the seconds that it took."""
        begun = time.monotonic()
        agents = {run.agent for run in self._live if begun - run.begun >= _FIRST_LOOK}
        if not agents:
            return 0.0
        counts = await to_thread.run_sync(
            partial(_measure_all, list(agents), self._quota.files), abandon_on_cancel=True
        )
        for agent, (started, usage) in counts.items():
            agent.note(usage, started)
        for run in list(self._live):
            if run.agent in counts:
                run.judge(counts[run.agent][1])
        return time.monotonic() - begun


class QuotaOfRun:
    """What one run has to do with its agent's quota."""

    def __init__(self, quotas: WorkspaceQuotas, agent: _Agent, sandbox: Limited, begun: float) -> None:
        self.agent = agent
        self.begun = begun
        self.error: WorkspaceFull | None = None
        """Why the run was ended, where the quota ended it."""
        self.refusal: WorkspaceFull | None = None
        """The last file that the program was told has no room."""
        self._granted = quotas.file_bytes
        self._quotas = quotas
        self._sandbox = sandbox
        self._before = Usage()

    async def begin(self) -> None:
        """Let no file of the run grow past what is left."""
        self._before = await self._quotas.up_to_date(self.agent)
        self._limit(self._before)

    def judge(self, usage: Usage) -> None:
        """End the run where it filled the workspace; else let files grow to what is left now."""
        if usage.exceeds(self._before) and (error := self._quotas.error(self.agent.name, usage)):
            self.error = error
            self._sandbox.kill()
        else:
            self._limit(usage)

    def leave(self) -> None:
        """The run has ended."""
        self._quotas.leave(self)

    async def verdict(self, *, refused: bool) -> WorkspaceFull | None:
        """Return the quota's error for a run that has ended; None where the quota has no part in it.

        Parameters:
            refused: the program failed because a file of its could not grow.
        """
        if self.error is not None:
            return self.error
        name = self.agent.name
        if refused and self._granted < self._quotas.file_bytes:
            return self._quotas.no_room(name, await self._quotas.count(self.agent))
        usage = await self._quotas.up_to_date(self.agent)
        return self._quotas.error(name, usage) if usage.exceeds(self._before) else None

    async def room(self, arguments: Mapping[str, Any]) -> dict[str, int]:
        """Answer a program that is about to write a file how many ``bytes`` and ``files`` fit.

        Raises ``WorkspaceFull`` where that file does not.
        """
        size, growth = int(arguments["size"]), int(arguments["growth"])
        try:
            left = await self._quotas.left(self.agent, size, growth)
        except WorkspaceFull as full:
            self.refusal = full
            raise
        if self.agent.usage is not None:
            self._limit(self.agent.usage)
        return {"bytes": left.bytes, "files": left.files}

    @contextmanager
    def take(self, size: int) -> Generator[None]:
        """Reserve ``size`` bytes for a file that the host writes meanwhile. Raises ``WorkspaceFull``."""
        agent = self.agent
        usage = agent.usage or Usage()
        if size > self._quotas.room(usage):
            raise self._quotas.no_room(agent.name, usage)
        agent.usage = replace(usage, bytes=usage.bytes + size, files=usage.files + 1)
        agent.writes += 1
        try:
            yield
        finally:
            agent.writes -= 1
            agent.written = time.monotonic()

    def _limit(self, usage: Usage) -> None:
        room = self._quotas.room(usage)
        # A file that is there may be written again and grow, but not where nothing is left.
        self._granted = min(usage.largest + room, self._quotas.file_bytes) if room else 0
        self._sandbox.limit_file_size(self._granted)


@dataclass(slots=True, eq=False)
class _Agent:
    """An agent's last count, and for how long it has had runs since."""

    name: str
    folder: Path
    usage: Usage | None = None
    live: int = 0
    writes: int = 0
    """Files that the host writes at this moment."""
    written: float = 0.0
    """When the last of them was done."""
    _counted: float = 0.0
    _since: float = 0.0
    _exposed: float = 0.0

    def enter(self, now: float) -> None:
        if not self.live:
            self._since = now
        self.live += 1

    def leave(self, now: float) -> None:
        self.live -= 1
        if not self.live:
            self._exposed += now - self._since

    def exposed(self, now: float) -> float:
        """Seconds since the last count in which there were runs."""
        return self._exposed + (now - self._since if self.live else 0.0)

    def note(self, usage: Usage, begun: float) -> Usage:
        """Keep a count that was begun at ``begun``; returns the newest that there is.

        A count that may have seen half of a file that the host wrote is not kept: the reservation is exact.
        """
        if self.usage is None or (begun >= self._counted and not self.writes and begun > self.written):
            self.usage, self._counted = usage, begun
            now = time.monotonic()
            self._since, self._exposed = now, now - begun
        return self.usage


def _measure_all(agents: list[_Agent], most: int) -> dict[_Agent, tuple[float, Usage]]:
    return {agent: (time.monotonic(), measure(agent.folder, most)) for agent in agents}
