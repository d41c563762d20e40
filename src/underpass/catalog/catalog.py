"""All servers together: which tools there are, and one way to call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import anyio
from anyio.abc import TaskGroup

from underpass.catalog.definition import Change, Finding, Listing, Origin
from underpass.catalog.identity import Identity, expanded, identity_of, is_plain
from underpass.catalog.lock import ToolLock
from underpass.catalog.manifest_cache import ManifestCache, entry_digest
from underpass.catalog.secret_store import SecretStore
from underpass.catalog.server_tools import OnNews, ServerTools
from underpass.catalog.servers_file import is_in_process, load_servers
from underpass.catalog.spec import ServerSpec
from underpass.catalog.stamp import stamp_of
from underpass.catalog.supervision import Clock
from underpass.catalog.upstream import Method, Progress, RequestUpstream, ToolOutcome, Upstream
from underpass.config import CallLimits, ServerSettings, state_dir
from underpass.errors import ConfigError, ServerNotFound, ServerUnavailable, ToolNotFound

if TYPE_CHECKING:
    from underpass.catalog.connection import Connection
    from underpass.catalog.servers_file import ServerSource


State = Literal["configured", "known", "started", "in use", "failed", "disabled"]
"""``configured``: nothing is known of its tools; ``known``: they are, from its manifest, and it does not
run; ``started``: it runs; ``in use``: calls are in flight; ``failed``: it could not be started or listed, or
ended, the last time that it was needed."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server, as ``underpass tools`` and ``underpass doctor`` show it."""

    name: str
    transport: str
    """``stdio``, ``http``, ``sse``, or ``memory`` for an object of this process."""
    state: State
    error: str | None = None
    tools: int | None = None
    """How many tools it has; None while that is not known."""
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    """How its tools differ from what is trusted."""
    stderr: str = ""
    origin: Origin = field(default_factory=Origin)
    """What it said of itself when it was listed last."""
    listed_at: float | None = None
    """When that was, in seconds since 1970."""
    news: tuple[Change, ...] = ()
    """How its tools differed from those before, the last time that they did."""
    news_at: float | None = None


class Catalog:
    """The servers of one configuration. An async context manager: leaving it ends every server.

    Nothing is started before it is needed.

    Parameters:
        servers: a file, or a mapping of names to entries, ``ServerSpec``, ``Upstream`` or SDK server
            objects; see ``load_servers``.
        limits: ``timeout`` and ``max_result_bytes`` hold for calls that give none of their own.
        state: the state folder, for ``keyring://``; by default ``.underpass`` in the current folder.
        lock: what is trusted; by default every tool is taken as it is listed.
        manifests: where listings are kept, so that no server is started in order to know its tools; by
            default nowhere.
        clock: what idleness, pings and pauses go by; by default the event loop's.

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
        manifests: ManifestCache | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._secrets = SecretStore(state or state_dir(None, Path.cwd()))
        self._nonce = token_hex(8)
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
        self._clock = clock
        self._tools = {
            name: self._server_tools(name, source, manifests) for name, source in self._sources.items()
        }
        self._attached: dict[str, ServerTools] = {}
        """Objects of this process that are called by name alone."""
        self._asking: set[str] = set()
        """The servers that are asked again in the background."""
        self.mask: Callable[[str, str], str] | None = None
        """Takes personal data out of what a server, given by its name, says on its way."""
        self.on_news: OnNews | None = None
        """Is told of tools that have changed, when a server is listed again."""

    @property
    def names(self) -> tuple[str, ...]:
        """The servers in use, in the order of the configuration."""
        return tuple(self._sources)

    async def listing(self, server: str) -> Listing:
        """Return a server's tools, as they are trusted.

        It is started only if they are not known from its manifest, and asked again when it says that
        they changed.

        Raises:
            ServerNotFound: no server has that name.
            ServerUnavailable: it could not be started or listed. The next call tries again, after a
                short while.
        """
        return await self._of(server).listing()

    async def ready(self, server: str) -> Listing:
        """Return a server's tools as it lists them now that it runs, for a call; it is started if need be.

        Raises:
            ServerNotFound, ServerUnavailable: as ``listing``.
        """
        tools = self._of(server)
        listing = await tools.ready()
        if tools.is_expired():
            self._ask_again(server)
        return listing

    async def refresh(self, server: str) -> Listing:
        """Start a server if need be, and ask it for its tools, whatever is known of them.

        Raises:
            ServerNotFound, ServerUnavailable: as ``listing``.
        """
        return await self._of(server).fresh()

    def identity(self, server: str) -> Identity | None:
        """Return which server it is that answers the calls of ``server``; None where there is none.

        Its ``digest`` is known of one that runs, and of one whose entry names no secrets.
        """
        if (source := self._sources.get(server)) is None:
            return None
        if not isinstance(source, ServerSpec):
            return Identity(f"{id(source)} {self._nonce}", f"{id(source)} {self._nonce}", lasts=False)
        connection = self._connections.get(server)
        if connection is not None and connection.identity is not None:
            identity = connection.identity
        elif is_plain(source):
            identity = identity_of(source, expanded(source))
        else:
            return Identity("", entry_digest(source), lasts=True)
        if source.transport == "stdio":
            return identity
        from underpass.catalog.logins import FOLDER

        # A login is renewed, or made anew with another account: each changes the folder.
        return identity._replace(digest=f"{identity.digest} {stamp_of(self._secrets.state / FOLDER)}")

    def attach(self, server: str, upstream: Upstream) -> None:
        """Let an object of this process be called under a name, in place of what was attached to it before.

        It is in no listing, no search finds it, and no module is made for it.

        Raises:
            ConfigError: a configured server has that name.
        """
        if server in self._sources or server in self._disabled:
            raise ConfigError(
                f"the name {server!r} of a server is taken", hint="give the configured server another name"
            )
        self._upstreams[server] = upstream
        self._attached[server] = ServerTools(
            server, lambda: upstream, lambda: None, lives=False, lock=None, manifest=None
        )

    def _of(self, server: str) -> ServerTools:
        tools = self._tools.get(server) or self._attached.get(server)
        if tools is None:
            raise ServerNotFound.named(server, self._sources)
        return tools

    def _server_tools(self, name: str, source: ServerSource, manifests: ManifestCache | None) -> ServerTools:
        configured = isinstance(source, ServerSpec)

        def life() -> int | None:
            connection = self._connections.get(name)
            return connection.life if connection is not None else None

        return ServerTools(
            name,
            lambda: self._upstream(name),
            life,
            lives=configured or is_in_process(source),
            lock=self.lock,
            manifest=manifests.of(source) if manifests is not None and configured else None,
            told=self._tell,
        )

    async def _tell(self, server: str, news: tuple[Change, ...]) -> None:
        if self.on_news is not None:
            await self.on_news(server, news)

    def _changed(self, server: str) -> None:
        self._tools[server].changed()
        self._ask_again(server)

    def _ask_again(self, server: str) -> None:
        """List a server again, while others go on."""
        if self._tasks is None or server in self._asking:
            return
        self._asking.add(server)
        self._tasks.start_soon(self._ask, server)

    async def _ask(self, server: str) -> None:
        tools = self._tools[server]
        try:
            if tools.failed is not None:
                await tools.ready()
            # Once more if it announced another change meanwhile; whoever needs it next asks after that.
            for _ in range(2):
                await tools.renewed()
        except ServerUnavailable:
            pass  # its state tells of the error
        finally:
            self._asking.discard(server)

    async def listings(self, *, refresh: bool = False) -> dict[str, Listing | ServerUnavailable]:
        """Return every server's tools, or why there are none.

        Nobody waits for a server of which nothing is known and which failed before: it is tried again in
        the background, and who asks later has its tools.

        Parameters:
            refresh: ask every server now, whatever is known of its tools. All are asked at once.
        """
        found: dict[str, Listing | ServerUnavailable] = {}

        async def ask(server: str) -> None:
            if not refresh and (error := self._tools[server].failed) is not None:
                self._ask_again(server)
                found[server] = error
                return
            try:
                found[server] = await (self.refresh if refresh else self.listing)(server)
            except ServerUnavailable as error:
                found[server] = error

        # A task for each of a thousand servers would take longer than a search.
        for server, tools in self._tools.items():
            if not refresh and (listing := tools.settled()) is not None:
                found[server] = listing
        if len(found) < len(self._sources):
            async with anyio.create_task_group() as tasks:
                for server in self._sources.keys() - found.keys():
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
        found = {server: self._tools[server].known() for server in sorted(self._tools)}
        return {server: listing for server, listing in found.items() if listing is not None}

    async def request(
        self,
        server: str,
        method: Method,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as for calls
    ) -> Mapping[str, Any]:
        """Make a request for resources or prompts, and return its result as the server gave it.

        Parameters:
            timeout: seconds until ``ToolTimeout``; the server is told then that the request is off.

        Raises:
            ServerNotFound: no server has that name.
            ToolNotFound: the server has none of them.
            ToolError: the server gave no result.
        """
        upstream = self._upstream(server)
        if not isinstance(upstream, RequestUpstream):
            what = method.partition("/")[0]
            raise ToolNotFound(f"server {server!r} has no {what}", server=server, tool=method, known=[])
        return await upstream.request(
            method, params, timeout=self._limits.timeout if timeout is None else timeout
        )

    def states(self) -> list[ServerState]:
        """Return the state of every configured server, in the order of the configuration."""
        states = [self._state(name, source) for name, source in self._sources.items()]
        disabled = [ServerState(name, spec.transport, "disabled") for name, spec in self._disabled.items()]
        return states + disabled

    def _state(self, name: str, source: ServerSource) -> ServerState:
        tools = self._tools[name]
        listing, manifest = tools.known(), tools.manifest
        connection = self._connections.get(name)
        error = (connection.error if connection else None) or tools.error
        return ServerState(
            name,
            source.transport if isinstance(source, ServerSpec) else "memory",
            "failed" if error else _stage(source, listing, connection),
            error=error.message if error else None,
            tools=len(listing.tools) if listing else None,
            findings=listing.findings if listing else (),
            changes=listing.changes if listing else (),
            stderr=connection.stderr if connection else "",
            origin=listing.origin if listing else Origin(),
            listed_at=manifest.listed_at if manifest else None,
            news=manifest.news if manifest else (),
            news_at=manifest.news_at if manifest else None,
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

        limit = self._limits.max_result_bytes
        self._connections[name] = connection = Connection(
            name,
            source,
            tasks,
            settings=self._settings,
            max_result_bytes=limit,
            secrets=self._secrets,
            tools_changed=lambda: self._changed(name),
            mask=str if self.mask is None else partial(self.mask, name),
            clock=self._clock,
        )
        return SdkUpstream(connection, listing_timeout=self._settings.start_timeout, max_result_bytes=limit)

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


def _stage(source: ServerSource, listing: Listing | None, connection: Connection | None) -> State:
    if connection is not None and connection.running:
        return "in use" if connection.in_use else "started"
    if listing is None:
        return "configured"
    # An upstream that is an object of this process is always there.
    return "known" if isinstance(source, ServerSpec) or is_in_process(source) else "started"
