"""One server's connection: started on first need, shared by all callers, started again when it died."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import anyio
import anyio.lowlevel
import mcp_types as types
from anyio.abc import TaskGroup
from mcp import Client
from mcp.server import MCPServer, Server
from mcp.shared.exceptions import MCPError

from underpass.catalog.http import http_transport, sse_transport
from underpass.catalog.process import ServerProcess
from underpass.catalog.raw_results import RawResults
from underpass.catalog.redaction import Redactor
from underpass.catalog.references import resolve
from underpass.catalog.secret_store import SecretStore
from underpass.catalog.spec import ServerSpec
from underpass.catalog.stderr import Tail
from underpass.catalog.stdio import stdio_transport
from underpass.errors import ConfigError, ServerUnavailable

# The SDK logs what a server did wrong; without a handler Python would print that on the terminal.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 30.0
_ENVELOPE = 64 * 1024
STDERR_IN_ERRORS = 2000
"""Bytes of stderr that an error carries."""


class Attempt:
    """One life of a connection, from the decision to start it to its end."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.scope = anyio.CancelScope(deadline=deadline)
        self.settled = anyio.Event()
        """Set when the start succeeded or failed."""
        self.leave = anyio.Event()
        """Set to end it."""
        self.finished = anyio.Event()
        self.client: Client | None = None
        self.wire: RawResults | None = None
        self.process: ServerProcess | None = None
        self.tail = Tail()
        self.redactor = Redactor()
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
        start_timeout: seconds until the first request must have been answered.
        max_result_bytes: a larger answer is refused.
        secrets: what ``keyring://`` refers to.
        tools_changed: called when the server says that its list of tools changed.
    """

    def __init__(
        self,
        name: str,
        source: ServerSpec | MCPServer | Server[Any],
        tasks: TaskGroup,
        *,
        start_timeout: float,
        max_result_bytes: int,
        secrets: SecretStore,
        tools_changed: Callable[[], object],
    ) -> None:
        self._secrets = secrets
        self._tools_changed = tools_changed
        self.name = name
        self._source = source
        self._tasks = tasks
        self._start_timeout = start_timeout
        self._max_result_bytes = max_result_bytes
        self._attempt: Attempt | None = None
        self._failures = 0
        self._retry_at = -math.inf

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
            ServerUnavailable: it did not start, or failed so shortly ago that it is not tried again yet.
        """
        attempt = self._attempt
        now = anyio.current_time()
        if attempt is not None and attempt.error is not None and now < self._retry_at:
            raise _copy(attempt.error)
        if attempt is None or attempt.over:
            attempt = self._attempt = Attempt(now + self._start_timeout)
            self._tasks.start_soon(self._own, attempt, name=f"server {self.name}")
        if not attempt.settled.is_set():
            with anyio.CancelScope(deadline=attempt.deadline):
                await attempt.settled.wait()
        if not attempt.settled.is_set():
            # The owner may need seconds to end an unwilling process; nobody has to wait for that.
            self._fail(attempt, f"did not answer within {self._start_timeout:g} s of its start")
            attempt.scope.cancel()
        if attempt.error is not None:
            raise _copy(attempt.error)
        if attempt.client is None:
            raise self.unavailable(attempt, "is being closed")
        return attempt

    async def _own(self, attempt: Attempt) -> None:
        try:
            with attempt.scope:
                async with self._client(attempt, await self._resolved(attempt)) as client:
                    attempt.client = client
                    attempt.scope.deadline = math.inf
                    self._failures = 0
                    self._retry_at = -math.inf
                    attempt.settled.set()
                    await self._end_of(attempt)
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
            attempt.finished.set()

    async def _end_of(self, attempt: Attempt) -> None:
        if attempt.wire is None:
            await attempt.leave.wait()
            return
        async with anyio.create_task_group() as tasks:

            async def wake(event: anyio.Event) -> None:
                await event.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(wake, attempt.leave)
            tasks.start_soon(wake, attempt.wire.ended)

    async def _resolved(self, attempt: Attempt) -> ServerSpec | MCPServer | Server[Any]:
        """Look the secrets up; nobody but this life of the connection has them."""
        if not isinstance(self._source, ServerSpec):
            return self._source
        spec, attempt.redactor = await resolve(self._source, self._secrets)
        attempt.tail.redact, attempt.tail.margin = attempt.redactor.text, attempt.redactor.longest
        return spec

    def _client(self, attempt: Attempt, source: ServerSpec | MCPServer | Server[Any]) -> Client:
        if not isinstance(source, ServerSpec):
            return Client(source, cache=None, message_handler=self._noticed)
        attempt.wire = RawResults(self._transport(source, attempt), attempt.redactor)
        return Client(attempt.wire, cache=None, message_handler=self._noticed)

    async def _noticed(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._tools_changed()
        await anyio.lowlevel.checkpoint()

    def _transport(self, spec: ServerSpec, attempt: Attempt) -> AbstractAsyncContextManager[Any]:
        limit = self._max_result_bytes + _ENVELOPE
        if spec.transport == "http":
            return http_transport(spec, attempt.tail, limit)
        if spec.transport == "sse":
            return sse_transport(spec)

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
                self._failures += 1
                backoff = min(_FIRST_BACKOFF * 2 ** (self._failures - 1), _LONGEST_BACKOFF)
                self._retry_at = anyio.current_time() + backoff
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
        """Build the error that the server ``what``, with its last words."""
        stderr = attempt.tail.text(STDERR_IN_ERRORS)
        # A server that ended or never answered mostly said why, in the last line it wrote.
        last = stderr.strip().rpartition("\n")[2].strip() if what.startswith(("ended", "did not")) else ""
        return ServerUnavailable(
            attempt.redactor.text(f"server {self.name!r} {what}") + (f"; it said: {last}" if last else ""),
            hint=hint or "`underpass doctor` shows more",
            server=self.name,
            stderr=stderr,
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


def _copy(error: ServerUnavailable) -> ServerUnavailable:
    # Several callers may raise it at once, and each raise adds to an exception's traceback.
    return ServerUnavailable(error.message, hint=error.hint, **error.data)
