"""The results of whole runs, for runs that are equal in everything that could change them."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import anyio.to_thread

from underpass.broker.cache.entry import Entry
from underpass.broker.cache.epochs import EVERYTHING
from underpass.broker.cache.flights import Flights
from underpass.broker.cache.store import ResultStore
from underpass.catalog.definition import Listing, ToolDefinition
from underpass.catalog.digest import tool_digest
from underpass.catalog.identity import Identity
from underpass.codegen.names import identifiers
from underpass.errors import UnderpassError
from underpass.execution.reuse.fingerprint import fingerprint
from underpass.execution.reuse.kept import KeptRun
from underpass.execution.reuse.watch import RunWatch
from underpass.workspace.folders import is_name

if TYPE_CHECKING:
    from underpass.execution.result import RunResult
    from underpass.execution.runner import Program

_WORD: Final = re.compile(r"\w+")
_CALLABLE: Final = "extended"
"""How a tool may have changed that can still be called."""


class Servers(Protocol):
    """The part of a catalog that kept runs need."""

    @property
    def names(self) -> tuple[str, ...]: ...

    async def listing(self, server: str) -> Listing: ...


class Skills(Protocol):
    """What kept runs need of skills."""

    async def digests(self, modules: Iterable[str], agent: str) -> Mapping[str, str]:
        """Return the digest of each skill among ``modules``; empty for one that there is not."""
        ...


class KeptRuns:
    """Keeps what runs gave that rest on nothing but their program, their files and reading tools.

    Parameters:
        store: where results are kept.
        servers: the catalog.
        skills: the skills of all agents.
        identity: tells which server it is that answers, None where that is not known.
        workspaces: the folder that holds a folder for each agent.
        settings: everything else that is the same for all runs, and could change their results.
        seconds: how long a result is good that rests on no tool.
        by_default: whether runs are kept that do not say.
        isolated: whether programs see nothing but what is given to them; nothing is kept otherwise.
    """

    def __init__(
        self,
        store: ResultStore,
        servers: Servers,
        workspaces: Path,
        *,
        skills: Skills,
        identity: Callable[[str], Identity | None],
        settings: str,
        seconds: float,
        by_default: bool,
        isolated: bool,
    ) -> None:
        self.by_default = by_default
        self.flights = Flights[tuple["RunResult", KeptRun | None]]()
        self._store = store
        self._servers = servers
        self._skills = skills
        self._identity = identity
        self._workspaces = workspaces
        self._settings = (version("underpass"), sys.version, settings, servers.names)
        self.seconds = seconds
        self.now = store.now
        self._isolated = isolated
        self._packages: dict[str, set[str]] = {}
        for naming in ("server", "namespace"):
            for server, name in identifiers(servers.names, naming).items():
                self._packages.setdefault(name, set()).add(server)
        self._digests: dict[str, tuple[Listing, str]] = {}

    async def fingerprint(self, agent: str) -> str | None:
        """Return what stands for an agent's files; None where that cannot be told."""
        if not self._isolated or not is_name(agent):
            return None
        return await anyio.to_thread.run_sync(fingerprint, self._workspaces / agent)

    def key(self, program: Program, sandbox: str, files: str) -> str:
        """Return what stands for a run: its program, all that it was told to do, and its files."""
        environment = program.environment
        facts = (
            *self._settings,
            program.code,
            program.language,
            program.filename,
            program.timeout,
            program.max_tokens,
            program.check,
            program.rollback_on_error,
            program.agent,
            None if environment is None else (str(environment.packages), environment.preload),
            sandbox,
            files,
        )
        return hashlib.sha256(repr(("run", facts)).encode("utf-8", "backslashreplace")).hexdigest()

    def epoch(self) -> int | None:
        """Return the epoch of everything; it ends when the cache is cleared."""
        return self._store.epochs.current(EVERYTHING)

    async def find(self, key: str, agent: str) -> KeptRun | None:
        """Return the result of an equal run, if all servers, their tools and skills are what they were."""
        entry = await self._store.find(key)
        if entry is None:
            return None
        kept = KeptRun.load(entry.content)
        return kept if await self.holds(kept, agent) else None

    async def holds(self, kept: KeptRun, agent: str) -> bool:
        """Whether the servers, tools and skills that a result rests on are still what they were."""
        if kept.skills and await self._skills.digests(kept.skills, agent) != kept.skills:
            return False
        return await self._known(kept.servers) == kept.servers

    async def tool(self, server: str, name: str) -> ToolDefinition | None:
        """Return a tool that can be called, as it is trusted."""
        try:
            listing = await self._servers.listing(server)
        except UnderpassError:
            return None
        return next((tool for tool in listing.tools if tool.name == name), None)

    async def keep(
        self, program: Program, sandbox: str, result: RunResult, watch: RunWatch, epoch: int | None
    ) -> KeptRun | None:
        """Keep what a run gave, where the next may get the same; returns it then.

        Parameters:
            epoch: that of everything, when the run began.
        """
        files, reads = watch.before, watch.reads
        if reads.are_spoiled or result.error is not None or result.truncated or epoch is None:
            return None
        if files is None or files != watch.after:
            return None
        words = set(_WORD.findall(program.code))
        words.update(name.split(".")[1] for name in watch.modules if name.count("."))
        named = [server for word in words for server in self._packages.get(word, ())]
        servers = await self._known({*named, *(read.server for read in reads.calls)})
        skills = await self._skills.digests(watch.modules, program.agent)
        kept = KeptRun.of(result, servers, reads.calls, skills)
        now = self._store.now()
        until = min([now + self.seconds, *(read.freshness.until for read in reads.calls)])
        epochs = {(read.freshness.server, read.freshness.epoch) for read in reads.calls}
        entry = Entry("run", program.agent, now, until, ((EVERYTHING, epoch), *sorted(epochs)), kept.dump())
        if not self._store.is_good(entry) or ("", "") in servers.values():
            return None
        lasting = all(self._lasts(server) for server in servers)
        self._store.put(self.key(program, sandbox, files), entry, lasting=lasting)
        return kept

    async def _known(self, servers: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """Return what the servers' tools are and which servers they are, as digests; empty if unknown."""
        found: dict[str, tuple[str, str]] = {}
        for server in sorted(servers):
            identity = self._identity(server)
            try:
                listing = await self._servers.listing(server)
            except UnderpassError:
                found[server] = ("", "")
                continue
            which = "" if identity is None else identity.digest
            found[server] = (self._digest(server, listing), which) if which else ("", "")
        return found

    def _digest(self, server: str, listing: Listing) -> str:
        known = self._digests.get(server)
        if known is None or known[0] is not listing:
            digest = hashlib.sha256()
            for tool in listing.tools:
                digest.update(tool_digest(tool).encode())
            for change in listing.changes:
                digest.update(repr(change).encode("utf-8", "backslashreplace"))
            known = self._digests[server] = (listing, digest.hexdigest())
        return known[1]

    def _lasts(self, server: str) -> bool:
        identity = self._identity(server)
        return identity is not None and identity.lasts
