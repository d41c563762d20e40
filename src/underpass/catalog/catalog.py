"""All servers together: which tools there are, and one way to call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from underpass.catalog.definition import Change, Finding, Listing
from underpass.catalog.lock import ToolLock
from underpass.catalog.secret_store import SecretStore
from underpass.catalog.servers_file import is_in_process, load_servers
from underpass.catalog.spec import ServerSpec
from underpass.catalog.upstream import Progress, ToolOutcome, Upstream
from underpass.config import CallLimits, ServerSettings, state_dir
from underpass.errors import ConfigError, ServerNotFound, ServerUnavailable

if TYPE_CHECKING:
    from underpass.catalog.connection import Connection
    from underpass.catalog.servers_file import ServerSource


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server, as ``underpass tools`` and ``underpass doctor`` show it."""

    name: str
    transport: str
    """``stdio``, ``http``, ``sse``, or ``memory`` for an object of this process."""
    state: Literal["configured", "started", "failed", "disabled"]
    error: str | None = None
    tools: int | None = None
    """How many tools it listed; None before it did."""
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    """How its tools differ from what is trusted."""
    stderr: str = ""


class Catalog:
    """The servers of one configuration. An async context manager: leaving it ends every server.

    Nothing is started before it is needed.

    Parameters:
        servers: a file, or a mapping of names to entries, ``ServerSpec``, ``Upstream`` or SDK server
            objects; see ``load_servers``.
        limits: ``timeout`` and ``max_result_bytes`` hold for calls that give none of their own.
        state: the state folder, for ``keyring://``; by default ``.underpass`` in the current folder.
        lock: what is trusted; by default every tool is taken as it is listed.

    Raises:
        ConfigError: the file or an entry is malformed.
    """

    def __init__(
        self,
        servers: Path | str | Mapping[str, Any],
        *,
        settings: ServerSettings | None = None,
        limits: CallLimits | None = None,
        lock: ToolLock | None = None,
        state: Path | None = None,
    ) -> None:
        self._secrets = SecretStore(state or state_dir(None, Path.cwd()))
        self.lock = lock
        loaded = load_servers(servers)
        self._disabled = {
            name: spec for name, spec in loaded.items() if isinstance(spec, ServerSpec) and spec.disabled
        }
        self._sources = {name: source for name, source in loaded.items() if name not in self._disabled}
        self._settings = settings or ServerSettings()
        self._limits = limits or CallLimits()
        self._tasks: TaskGroup | None = None
        self._upstreams: dict[str, Upstream] = {}
        self._connections: dict[str, Connection] = {}
        self._listings: dict[str, Listing] = {}
        self._untrusted: dict[str, Listing] = {}
        """The listings that differ from what is trusted, as the servers gave them."""
        self._stale: set[str] = set()
        """The servers that said that their tools changed."""
        self._errors: dict[str, ServerUnavailable] = {}
        self._locks = {name: anyio.Lock() for name in self._sources}

    @property
    def names(self) -> tuple[str, ...]:
        """The servers in use, in the order of the configuration."""
        return tuple(self._sources)

    async def listing(self, server: str) -> Listing:
        """Return a server's tools, as they are trusted.

        It is started and asked once, and again when it says that its tools changed.

        Raises:
            ServerNotFound: no server has that name.
            ServerUnavailable: it could not be started or listed. The next call tries again, after a
                short while.
        """
        if (listing := self._kept(server)) is not None:
            return listing
        upstream = self._upstream(server)
        async with self._locks[server]:
            if (listing := self._kept(server)) is None:
                try:
                    listing = self._listings[server] = await self._ask(server, upstream)
                except ServerUnavailable as error:
                    self._errors[server] = error
                    raise
                self._errors.pop(server, None)
        return listing

    def _kept(self, server: str) -> Listing | None:
        listing = self._listings.get(server)
        if listing is None or server in self._stale:
            return None
        if listing.changes and self.lock is not None and self.lock.is_outdated(server):
            return None  # another process may have accepted the changes
        return listing

    async def _ask(self, server: str, upstream: Upstream) -> Listing:
        listing = self._untrusted.pop(server, None)
        if listing is None or server in self._stale:
            self._stale.discard(server)  # before asking: it may change again meanwhile
            listing = await upstream.list_tools()
        if self.lock is not None:
            try:
                pinned = await anyio.to_thread.run_sync(self.lock.pin, server, listing)
            except ConfigError as error:
                raise ServerUnavailable(error.message, hint=error.hint, server=server) from error
            if pinned.changes:
                self._untrusted[server] = listing
            listing = pinned
        # Who made something of the same tools can go on using it.
        before = self._listings.get(server)
        return before if before == listing and before is not None else listing

    async def listings(self) -> dict[str, Listing | ServerUnavailable]:
        """Return every server's tools, or why there are none. All are asked at once."""
        found: dict[str, Listing | ServerUnavailable] = {}

        async def ask(server: str) -> None:
            try:
                found[server] = await self.listing(server)
            except ServerUnavailable as error:
                found[server] = error

        async with anyio.create_task_group() as tasks:
            for server in self._sources:
                tasks.start_soon(ask, server)
        return {server: found[server] for server in self._sources}

    async def call(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - part of the call; the server is told when it passes
        progress: Progress | None = None,
    ) -> ToolOutcome:
        """Call a tool as it is: nothing is validated here.

        Parameters:
            timeout: seconds until ``ToolTimeout``; the server is told then that the call is off.
            progress: awaited with each progress notification.

        Raises:
            ServerNotFound: no server has that name.
            ToolError: the server gave no result.
        """
        return await self._upstream(server).call_tool(
            tool, arguments, timeout=self._limits.timeout if timeout is None else timeout, progress=progress
        )

    def known(self) -> dict[str, Listing]:
        """Return the listings that are known without asking a server, by server, sorted."""
        return {server: self._listings[server] for server in sorted(self._listings)}

    def states(self) -> list[ServerState]:
        """Return the state of every configured server, in the order of the configuration."""
        states = [self._state(name, source) for name, source in self._sources.items()]
        disabled = [ServerState(name, spec.transport, "disabled") for name, spec in self._disabled.items()]
        return states + disabled

    def _state(self, name: str, source: ServerSource) -> ServerState:
        listing = self._listings.get(name)
        connection = self._connections.get(name)
        error = self._errors.get(name)
        state: Literal["configured", "started", "failed"] = "configured"
        if connection is not None:
            error = connection.error or error
            state = "started" if connection.running else state
        elif listing is not None:
            state = "started"
        return ServerState(
            name,
            source.transport if isinstance(source, ServerSpec) else "memory",
            "failed" if error else state,
            error=error.message if error else None,
            tools=len(listing.tools) if listing else None,
            findings=listing.findings if listing else (),
            changes=listing.changes if listing else (),
            stderr=connection.stderr if connection else "",
        )

    def _upstream(self, server: str) -> Upstream:
        if (upstream := self._upstreams.get(server)) is not None:
            return upstream
        if server not in self._sources:
            raise ServerNotFound.named(server, self._sources)
        if self._tasks is None:
            raise RuntimeError("a Catalog is an async context manager: enter it before use")
        self._upstreams[server] = upstream = self._connect(server, self._sources[server], self._tasks)
        return upstream

    def _connect(self, name: str, source: ServerSource, tasks: TaskGroup) -> Upstream:
        if not isinstance(source, ServerSpec) and not is_in_process(source):
            return cast("Upstream", source)
        # Imports the SDK, which takes more than half a second: not for those who only look.
        from underpass.catalog.connection import Connection
        from underpass.catalog.sdk_upstream import SdkUpstream

        timeout, limit = self._settings.start_timeout, self._limits.max_result_bytes
        self._connections[name] = connection = Connection(
            name,
            source,
            tasks,
            start_timeout=timeout,
            max_result_bytes=limit,
            secrets=self._secrets,
            tools_changed=lambda: self._stale.add(name),
        )
        return SdkUpstream(connection, listing_timeout=timeout, max_result_bytes=limit)

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        tasks, self._tasks = self._tasks, None
        for connection in self._connections.values():
            tasks.start_soon(connection.aclose)
        if not isinstance(error, anyio.get_cancelled_exc_class()):
            # A task group would wrap what the block raised in an ExceptionGroup.
            kind, error, trace = None, None, None
        await tasks.__aexit__(kind, error, trace)
        self._upstreams.clear()
        self._connections.clear()
