"""One server's connection: started on first need, shared by all callers, started again when it died."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import anyio
import mcp_types as types
from anyio.abc import TaskGroup
from mcp import Client
from mcp.server import MCPServer, Server
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.exceptions import MCPError

from underpass.catalog.definition import Listing
from underpass.catalog.framing import Oversized
from underpass.catalog.http import TOO_LARGE, http_transport, sse_transport
from underpass.catalog.outcome import Unreadable, read_outcome
from underpass.catalog.process import ServerProcess
from underpass.catalog.raw_results import RawResults, raw_of
from underpass.catalog.spec import ServerSpec
from underpass.catalog.stderr import Tail
from underpass.catalog.stdio import stdio_transport
from underpass.catalog.tolerance import Tolerance
from underpass.catalog.upstream import Progress, ToolOutcome, tool_timeout
from underpass.errors import ServerUnavailable, ToolFailed, ToolLimitExceeded, ToolUnavailable

# The SDK logs what a server did wrong; without a handler Python would print that on the terminal.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

MAX_PAGES = 100
"""Pages of one listing; a server that always has another is cut off here."""

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 30.0
_ENVELOPE = 64 * 1024
_STDERR_IN_ERRORS = 2000


class _Attempt:
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
    """An ``Upstream`` on the official SDK.

    Parameters:
        source: how to reach the server, or a server object of this process.
        tasks: where the task lives that owns the SDK's client: a client must be left by the task that
            entered it.
        start_timeout: seconds until the first request must have been answered.
        max_result_bytes: a larger answer is refused.
    """

    def __init__(
        self,
        name: str,
        source: ServerSpec | MCPServer | Server[Any],
        tasks: TaskGroup,
        *,
        start_timeout: float,
        max_result_bytes: int,
    ) -> None:
        self.name = name
        self._source = source
        self._tasks = tasks
        self._start_timeout = start_timeout
        self._max_result_bytes = max_result_bytes
        self._attempt: _Attempt | None = None
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

    async def list_tools(self) -> Listing:
        attempt = await self._started()
        tolerance = Tolerance(self.name)
        try:
            with anyio.fail_after(self._start_timeout):
                await self._read_pages(attempt, tolerance)
        except TimeoutError:
            raise self._unavailable(
                attempt, f"did not list its tools within {self._start_timeout:g} s"
            ) from None
        except MCPError as error:
            if error.code == types.METHOD_NOT_FOUND:
                return Listing()
            what = await self._ended(attempt, error)
            raise self._unavailable(attempt, what or f"could not list its tools: {error.message}") from error
        return Listing(tuple(tolerance.tools), tuple(tolerance.findings))

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,  # noqa: ASYNC109 - part of the call; the server is told when it passes
        progress: Progress | None = None,
    ) -> ToolOutcome:
        try:
            attempt = await self._started()
        except ServerUnavailable as error:
            raise ToolUnavailable(error.message, hint=error.hint, **{**error.data, "tool": name}) from error
        assert attempt.client is not None
        facts: dict[str, Any] = {"server": self.name, "tool": name}
        try:
            # Leaving this block early makes the SDK tell the server that the call is off.
            with anyio.fail_after(timeout):
                result = await attempt.client.call_tool(
                    name, dict(arguments), progress_callback=cast("ProgressFnT | None", progress)
                )
        except TimeoutError:
            raise tool_timeout(self.name, name, timeout) from None
        except MCPError as error:
            raise await self._call_error(attempt, error, facts) from error
        except (RuntimeError, ValueError) as error:
            raise ToolFailed(
                f"{self.name}.{name} gave no valid result: {str(error)[:500]}", **facts
            ) from error
        raw = raw_of(result.meta)
        try:
            return read_outcome(_as_json(result) if raw is None else raw)
        except Unreadable as error:
            raise ToolFailed(f"{self.name}.{name} gave no valid result: {error}", **facts) from error

    async def aclose(self) -> None:
        """End the connection and the server's process. It may be started again."""
        if (attempt := self._attempt) is not None:
            attempt.leave.set()
            if not attempt.settled.is_set():
                attempt.scope.cancel()
            await attempt.finished.wait()

    async def _read_pages(self, attempt: _Attempt, tolerance: Tolerance) -> None:
        assert attempt.client is not None
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            page = await attempt.client.list_tools(cursor=cursor)
            raw = raw_of(page.meta)
            entries = page.model_dump(by_alias=True, mode="json", exclude_none=True)["tools"]
            if raw is not None:
                accepted = {tool["name"] for tool in entries}
                if not isinstance(raw.get("tools"), list):
                    raise self._unavailable(attempt, "answered tools/list with no list of tools")
                entries = _without_rejected(raw["tools"], accepted, tolerance)
            tolerance.read(entries)
            cursor = page.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                tolerance.note("tools/list", "repaired", "a cursor came twice: the listing ends there")
                return
            seen.add(cursor)
        tolerance.note("tools/list", "repaired", f"the listing is cut after {MAX_PAGES} pages")

    async def _started(self) -> _Attempt:
        attempt = self._attempt
        now = anyio.current_time()
        if attempt is not None and attempt.error is not None and now < self._retry_at:
            raise _copy(attempt.error)
        if attempt is None or attempt.over:
            attempt = self._attempt = _Attempt(now + self._start_timeout)
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
        return attempt

    async def _own(self, attempt: _Attempt) -> None:
        try:
            with attempt.scope:
                async with self._client(attempt) as client:
                    attempt.client = client
                    attempt.scope.deadline = math.inf
                    self._failures = 0
                    self._retry_at = -math.inf
                    attempt.settled.set()
                    await self._end_of(attempt)
            if attempt.client is not None and not attempt.leave.is_set():
                words = await attempt.process.last_words() if attempt.process else "closed the connection"
                self._fail(attempt, words)
        except Exception as error:  # noqa: BLE001 - whatever ended it is the reason that callers are told
            inner = _innermost(error)
            what = (
                await self._ended(attempt, inner)
                if _is_closed(inner)
                else self._why_unreachable(attempt, inner)
            )
            self._fail(attempt, what or "closed the connection")
        finally:
            if not attempt.settled.is_set():
                self._fail(attempt, f"did not answer within {self._start_timeout:g} s of its start")
            attempt.finished.set()

    async def _end_of(self, attempt: _Attempt) -> None:
        if attempt.wire is None:
            await attempt.leave.wait()
            return
        async with anyio.create_task_group() as tasks:

            async def wake(event: anyio.Event) -> None:
                await event.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(wake, attempt.leave)
            tasks.start_soon(wake, attempt.wire.ended)

    def _client(self, attempt: _Attempt) -> Client:
        if not isinstance(self._source, ServerSpec):
            return Client(self._source, cache=None)
        attempt.wire = RawResults(self._transport(self._source, attempt))
        return Client(attempt.wire, cache=None)

    def _transport(self, spec: ServerSpec, attempt: _Attempt) -> AbstractAsyncContextManager[Any]:
        limit = self._max_result_bytes + _ENVELOPE
        if spec.transport == "http":
            return http_transport(spec, attempt.tail, limit)
        if spec.transport == "sse":
            return sse_transport(spec)

        def started(process: ServerProcess) -> None:
            attempt.process = process

        return stdio_transport(spec, attempt.tail, limit, started)

    async def _call_error(
        self, attempt: _Attempt, error: MCPError, facts: dict[str, Any]
    ) -> ToolFailed | ToolUnavailable | ToolLimitExceeded:
        if isinstance(error.error.data, Oversized) or TOO_LARGE in error.message:
            return ToolLimitExceeded(
                f"{self.name}.{facts['tool']} answered with more than {self._max_result_bytes:,} bytes",
                hint="ask for less, or raise calls.max_result_bytes",
                limit="max_result_bytes",
                value=self._max_result_bytes,
                setting="calls.max_result_bytes",
                **facts,
            )
        if what := await self._ended(attempt, error):
            return ToolUnavailable(
                f"server {self.name!r} {what} during the call of {facts['tool']}",
                hint="the next call starts it again; `underpass doctor` shows more",
                stderr=attempt.tail.text(_STDERR_IN_ERRORS),
                **facts,
            )
        return ToolFailed(error.message[:_STDERR_IN_ERRORS], code=error.code, **facts)

    async def _ended(self, attempt: _Attempt, error: BaseException) -> str | None:
        """How the connection ended, if it did."""
        if isinstance(error, MCPError) and error.message == "Session terminated":
            # An HTTP server that was restarted has forgotten the session: begin another.
            attempt.leave.set()
            return "has forgotten the session"
        if not attempt.over and not _is_closed(error):
            return None
        return await attempt.process.last_words() if attempt.process else "closed the connection"

    def _fail(self, attempt: _Attempt, what: str) -> None:
        if attempt.error is None and not attempt.leave.is_set():
            attempt.error = self._unavailable(attempt, what)
            if not attempt.settled.is_set():
                self._failures += 1
                backoff = min(_FIRST_BACKOFF * 2 ** (self._failures - 1), _LONGEST_BACKOFF)
                self._retry_at = anyio.current_time() + backoff
        attempt.settled.set()

    def _why_unreachable(self, attempt: _Attempt, error: BaseException) -> str:
        source = self._source
        if isinstance(source, ServerSpec) and source.command and isinstance(error, OSError):
            missing = isinstance(error, FileNotFoundError) and not (source.cwd and not source.cwd.is_dir())
            what = f"there is no command {source.command!r}" if missing else str(error)
            return f"could not be started: {what}"
        why = " ".join(str(error).split())[:_STDERR_IN_ERRORS] or type(error).__name__
        # The SDK's error of an HTTP answer does not name its status; the tail does.
        status = attempt.tail.text().rpartition("\n")[2]
        return f"could not be reached: {why}" + (f" {status}" if status.startswith("(HTTP)") else "")

    def _unavailable(self, attempt: _Attempt, what: str) -> ServerUnavailable:
        stderr = attempt.tail.text(_STDERR_IN_ERRORS)
        return ServerUnavailable(
            f"server {self.name!r} {what}",
            hint="its last words are in `stderr`; `underpass doctor` shows more"
            if stderr
            else "see `underpass doctor`",
            server=self.name,
            stderr=stderr,
        )


def _without_rejected(entries: Sequence[object], accepted: set[str], tolerance: Tolerance) -> list[object]:
    """Leave out the tools that the SDK dropped, as the protocol asks, for malformed header annotations."""
    kept: list[object] = []
    for entry in entries:
        name = cast("dict[str, Any]", entry).get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name not in accepted:
            tolerance.note(name, "quarantined", "its x-mcp-header annotations are invalid")
        else:
            kept.append(cast("object", entry))
    return kept


def _as_json(result: types.CallToolResult) -> dict[str, Any]:
    raw = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    if "structured_content" in result.model_fields_set:
        raw["structuredContent"] = result.structured_content
    return raw


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
