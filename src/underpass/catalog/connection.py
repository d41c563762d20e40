"""One server's connection: started on first need, shared by all callers, started again when it died."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import anyio
import anyio.lowlevel
import mcp_types as types
from anyio.abc import TaskGroup
from mcp import Client
from mcp.client.extension import advertise
from mcp.server import MCPServer, Server
from mcp.shared.exceptions import MCPError

from underpass.catalog.elicitation import Elicitations
from underpass.catalog.http import http_transport, login_of, sse_transport
from underpass.catalog.identity import Identity, identity_of
from underpass.catalog.oauth_bearer import Bearer
from underpass.catalog.process import ServerProcess
from underpass.catalog.raw_results import RawResults
from underpass.catalog.redaction import Redactor
from underpass.catalog.references import resolve
from underpass.catalog.requests import SKILLS
from underpass.catalog.secret_store import SecretStore
from underpass.catalog.spec import ServerSpec
from underpass.catalog.stderr import Tail
from underpass.catalog.stdio import stdio_transport
from underpass.catalog.supervision import Backoff, Clock, LoopClock, Use
from underpass.catalog.watching import answers, watch_tools
from underpass.config import ServerSettings
from underpass.errors import ConfigError, ServerUnavailable

_ENVELOPE = 64 * 1024
STDERR_IN_ERRORS = 2000
"""Bytes of stderr that an error carries."""


class Attempt:
    """One life of a connection, from the decision to start it to its end."""

    def __init__(self, server: str, number: int, deadline: float, clock: Clock) -> None:
        self.number = number
        self.elicitations = Elicitations(server)
        self.deadline = deadline
        self.use = Use(clock)
        self.began = clock.now()
        self.scope = anyio.CancelScope(deadline=deadline)
        self.settled = anyio.Event()
        """Set when the start succeeded or failed."""
        self.leave = anyio.Event()
        """Set to end it."""
        self.ending = anyio.Event()
        """Set when it is known whether the server ended by itself."""
        self.finished = anyio.Event()
        self.client: Client | None = None
        self.wire: RawResults | None = None
        self.process: ServerProcess | None = None
        self.tail = Tail()
        self.redactor = Redactor()
        self.login: Bearer | None = None
        self.identity: Identity | None = None
        self.error: ServerUnavailable | None = None

    @property
    def over(self) -> bool:
        """Whether no call can be made any more."""
        return (
            self.error is not None
            or self.leave.is_set()
            or self.finished.is_set()
            or (self.wire is not None and self.wire.ended.is_set())
        )


class Connection:
    """Starts a server with the official SDK, and again when it ended.

    Parameters:
        source: how to reach the server, or a server object of this process.
        tasks: where the task lives that owns the SDK's client: a client must be left by the task that
            entered it.
        settings: when the server is given up, stopped and asked whether it lives.
        max_result_bytes: a larger answer is refused.
        secrets: what ``keyring://`` refers to.
        tools_changed: called when the server says that its list of tools changed.
        mask: takes personal data out of what the server says on its way.
        clock: what idleness, pings and pauses go by.
    """

    def __init__(
        self,
        name: str,
        source: ServerSpec | MCPServer | Server[Any],
        tasks: TaskGroup,
        *,
        settings: ServerSettings,
        max_result_bytes: int,
        secrets: SecretStore,
        tools_changed: Callable[[], object],
        mask: Callable[[str], str] = str,
        clock: Clock | None = None,
    ) -> None:
        self._secrets = secrets
        self._mask = mask
        self._tools_changed = tools_changed
        self.name = name
        self._source = source
        self._tasks = tasks
        self._settings = settings
        self._start_timeout = settings.start_timeout
        self._max_result_bytes = max_result_bytes
        self._attempt: Attempt | None = None
        self._clock = clock or LoopClock()
        self._backoff = Backoff(self._clock)

    @property
    def life(self) -> int | None:
        """The number of the server's present life; None while it does not run."""
        return self._attempt.number if self._attempt is not None and self.running else None

    @property
    def identity(self) -> Identity | None:
        """Which server its present life is of; None before it began, and for an object of this process."""
        return None if self._attempt is None else self._attempt.identity

    @property
    def in_use(self) -> bool:
        """Whether calls are in flight."""
        return self._attempt is not None and self._attempt.use.calls > 0

    @property
    def running(self) -> bool:
        """Whether it is started, and the server has not ended it."""
        attempt = self._attempt
        return attempt is not None and attempt.client is not None and not attempt.over

    @property
    def error(self) -> ServerUnavailable | None:
        """Why it is not running, when it should be."""
        return self._attempt.error if self._attempt else None

    @property
    def stderr(self) -> str:
        """The last that the server wrote to stderr: at most 64 KB."""
        return self._attempt.tail.text() if self._attempt else ""

    async def aclose(self) -> None:
        """End the connection and the server's process. It may be started again."""
        if (attempt := self._attempt) is not None:
            attempt.leave.set()
            if not attempt.settled.is_set():
                attempt.scope.cancel()
            await attempt.finished.wait()

    async def started(self) -> Attempt:
        """Start the server unless it runs, and return its present life; its ``client`` is ready.

        Raises:
            ServerUnavailable: it did not start, or failed so shortly ago that it is not tried again yet;
                ``retry_in`` says for how many seconds.
        """
        attempt = self._attempt
        if attempt is not None and attempt.over:
            if attempt.client is not None:
                await attempt.ending.wait()
            if pause := self._backoff.remaining:
                raise _paused(attempt.error or self.unavailable(attempt, "has ended"), pause)
            # Another caller may have begun the next life while this one waited.
            attempt = self._attempt if self._attempt is not attempt else None
        if attempt is None:
            attempt = self._begin()
        if not attempt.settled.is_set():
            with anyio.CancelScope(deadline=attempt.deadline):
                await attempt.settled.wait()
        if not attempt.settled.is_set():
            # The owner may need seconds to end an unwilling process; nobody has to wait for that.
            self._fail(attempt, f"did not answer within {self._start_timeout:g} s of its start")
            attempt.scope.cancel()
        if attempt.error is not None:
            raise _paused(attempt.error, self._backoff.remaining)
        if attempt.client is None:
            raise self.unavailable(attempt, "is being closed")
        attempt.use.touch()
        return attempt

    def _begin(self) -> Attempt:
        before = self._attempt
        number = 1 if before is None else before.number + 1
        attempt = Attempt(self.name, number, anyio.current_time() + self._start_timeout, self._clock)
        attempt.tail.mask = self._mask
        self._attempt = attempt
        self._tasks.start_soon(self._own, attempt, before, name=f"server {self.name}")
        return attempt

    async def _own(self, attempt: Attempt, before: Attempt | None) -> None:
        try:
            with attempt.scope:
                if before is not None and before.leave.is_set():
                    # One that was stopped ends soon; two at once could be in each other's way.
                    await before.finished.wait()
                async with self._client(attempt, await self._resolved(attempt)) as client:
                    attempt.client = client
                    attempt.scope.deadline = math.inf
                    attempt.began = self._clock.now()
                    attempt.settled.set()
                    try:
                        await self._end_of(attempt, client)
                    finally:
                        self._note_end(attempt)
            if attempt.client is not None and not attempt.leave.is_set():
                words = await attempt.process.last_words() if attempt.process else "closed the connection"
                self._fail(attempt, words)
        except ConfigError as error:
            self._fail(attempt, f"could not be started: {error.message}", error.hint)
        except Exception as error:  # noqa: BLE001 - whatever ended it is the reason that callers are told
            inner = _innermost(error)
            what = (
                await self.how_ended(attempt, inner)
                if _is_closed(inner)
                else self._why_unreachable(attempt, inner)
            )
            self._fail(attempt, what or "closed the connection")
        finally:
            if not attempt.settled.is_set():
                self._fail(attempt, f"did not answer within {self._start_timeout:g} s of its start")
            attempt.ending.set()
            attempt.finished.set()

    def _note_end(self, attempt: Attempt) -> None:
        if not attempt.leave.is_set():
            self._backoff.died(self._clock.now() - attempt.began)
        attempt.ending.set()

    async def _end_of(self, attempt: Attempt, client: Client) -> None:
        """Return when the server is to be left, has ended, or is taken for dead; watch it meanwhile."""
        async with anyio.create_task_group() as tasks:

            async def until(what: Callable[..., Awaitable[object]], *arguments: object) -> None:
                await what(*arguments)
                tasks.cancel_scope.cancel()

            tasks.start_soon(until, attempt.leave.wait)
            tasks.start_soon(watch_tools, client, self._tools_changed, self._clock)
            if attempt.wire is not None:
                tasks.start_soon(until, attempt.wire.ended.wait)
                if idle := self._settings.idle_seconds:
                    tasks.start_soon(until, self._stop_when_idle, attempt, idle)
                if interval := self._settings.ping_seconds:
                    tasks.start_soon(until, self._until_silent, attempt, client, interval)

    async def _stop_when_idle(self, attempt: Attempt, seconds: float) -> None:
        await attempt.use.until_idle(seconds)
        self._backoff.forget()
        attempt.leave.set()

    async def _until_silent(self, attempt: Attempt, client: Client, interval: float) -> None:
        """Return when the server does not answer a ping; the next call starts another."""
        while True:
            await self._clock.sleep_until(self._clock.now() + interval)
            # A server that works on a call may be unable to answer; the call's own time limit holds then.
            if not attempt.use.calls and not await answers(client, interval, self._clock):
                self._fail(attempt, f"did not answer a ping within {interval:g} s")
                return

    async def _resolved(self, attempt: Attempt) -> ServerSpec | MCPServer | Server[Any]:
        """Look the secrets up; nobody but this life of the connection has them."""
        if not isinstance(self._source, ServerSpec):
            return self._source
        spec, attempt.redactor = await resolve(self._source, self._secrets)
        attempt.identity = identity_of(self._source, spec)
        attempt.tail.redact, attempt.tail.margin = attempt.redactor.text, attempt.redactor.longest
        return spec

    def _client(self, attempt: Attempt, source: ServerSpec | MCPServer | Server[Any]) -> Client:
        if not isinstance(source, ServerSpec):
            return self._made(attempt, source)
        attempt.wire = RawResults(self._transport(source, attempt), attempt.redactor)
        return self._made(attempt, attempt.wire)

    def _made(self, attempt: Attempt, server: Any) -> Client:
        return Client(
            server,
            cache=None,
            message_handler=self._noticed,
            elicitation_callback=attempt.elicitations.answer,
            extensions=[advertise(SKILLS)],
        )

    async def _noticed(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._tools_changed()
        await anyio.lowlevel.checkpoint()

    def _transport(self, spec: ServerSpec, attempt: Attempt) -> AbstractAsyncContextManager[Any]:
        limit = self._max_result_bytes + _ENVELOPE
        attempt.login = login_of(spec, self._secrets, attempt.redactor)
        if spec.transport == "http":
            return http_transport(spec, attempt.tail, limit, attempt.login)
        if spec.transport == "sse":
            return sse_transport(spec, attempt.login)

        def started(process: ServerProcess) -> None:
            attempt.process = process

        return stdio_transport(spec, attempt.tail, limit, started)

    async def how_ended(self, attempt: Attempt, error: BaseException) -> str | None:
        """Say how the connection ended; None if it goes on after this error."""
        if isinstance(error, MCPError) and error.message == "Session terminated":
            # An HTTP server that was restarted has forgotten the session: begin another.
            attempt.leave.set()
            return "has forgotten the session"
        if not attempt.over and not _is_closed(error):
            return None
        return await attempt.process.last_words() if attempt.process else "closed the connection"

    def _fail(self, attempt: Attempt, what: str, hint: str = "") -> None:
        if attempt.error is None and not attempt.leave.is_set():
            attempt.error = self.unavailable(attempt, what, hint)
            if not attempt.settled.is_set():
                self._backoff.failed_to_start()
        attempt.settled.set()

    def _why_unreachable(self, attempt: Attempt, error: BaseException) -> str:
        source = self._source
        if isinstance(source, ServerSpec) and source.command and isinstance(error, OSError):
            missing = isinstance(error, FileNotFoundError) and not (source.cwd and not source.cwd.is_dir())
            what = f"there is no command {source.command!r}" if missing else str(error)
            return f"could not be started: {what}"
        why = " ".join(str(error).split())[:STDERR_IN_ERRORS] or type(error).__name__
        # The SDK's error of an HTTP answer does not name its status; the tail does.
        status = attempt.tail.text().rpartition("\n")[2]
        return f"could not be reached: {why}" + (f" {status}" if status.startswith("(HTTP)") else "")

    def unavailable(self, attempt: Attempt, what: str, hint: str = "") -> ServerUnavailable:
        """Build the error that the server ``what``, with its last words, or that it wants a login."""
        facts: dict[str, Any] = {}
        if attempt.login is not None and (problem := attempt.login.problem) is not None:
            what, hint = problem.what or what, problem.hint
            facts = {"needs_login": True} if problem.needs_login else {}
        stderr = attempt.tail.text(STDERR_IN_ERRORS)
        # A server that ended or never answered mostly said why, in the last line it wrote.
        last = stderr.strip().rpartition("\n")[2].strip() if what.startswith(("ended", "did not")) else ""
        return ServerUnavailable(
            attempt.redactor.text(f"server {self.name!r} {what}") + (f"; it said: {last}" if last else ""),
            hint=hint or "`underpass doctor` shows more",
            server=self.name,
            stderr=stderr,
            **facts,
        )


def _is_closed(error: BaseException) -> bool:
    # Many servers use the SDK's code for errors of their own, so its words decide.
    return (
        isinstance(error, MCPError)
        and error.code == types.CONNECTION_CLOSED
        and error.message.startswith(("Connection closed", "SSE stream"))
    )


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _paused(error: ServerUnavailable, seconds: float) -> ServerUnavailable:
    # Several callers may raise it at once, and each raise adds to an exception's traceback.
    again = f"it is tried again in {seconds:.1f} s; " if seconds else ""
    return ServerUnavailable(error.message, hint=again + error.hint, **error.data, retry_in=round(seconds, 1))
