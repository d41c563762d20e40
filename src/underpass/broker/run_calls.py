"""The calls of one run, and what each goes through on its way to a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Never

import anyio
import orjson

from underpass.broker.approvals.question import Asker
from underpass.broker.blobs import BlobStore
from underpass.broker.cache.reads import Read, Reads
from underpass.broker.call import Call, PrivateCall, Reached, Returned
from underpass.broker.direct import DirectTexts, call_text, result_text
from underpass.broker.journal.record import CallRecord, argument_digest
from underpass.broker.journal.run import JournaledCall, JournaledRun
from underpass.broker.known_tool import KnownTool
from underpass.broker.unwrap import unwrap
from underpass.catalog import Progress, ToolDefinition
from underpass.catalog.elicitation import filled_by
from underpass.config import CallLimits
from underpass.errors import (
    ToolArgumentsInvalid,
    ToolError,
    ToolFailed,
    ToolLimitExceeded,
    UnderpassError,
)
from underpass.execution.result import ToolCall

if TYPE_CHECKING:
    from underpass.broker.broker import Broker


@dataclass(slots=True)
class _Course:
    """How far a call has come."""

    bytes_in: int = 0
    bytes_out: int = 0
    about: Call | CallRecord | None = None
    reached: Reached = "nothing"
    began: float = field(default_factory=time.perf_counter)
    ended: float | None = None


class _Noting:
    """A store of blobs that knows whether it was given any."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self.used = False

    async def put(self, data: bytes, mime_type: str) -> str:
        self.used = True
        return await self._blobs.put(data, mime_type)


class RunCalls:
    """The calls of one run: its limits, its record, and what direct calls would have cost.

    Safe for any number of concurrent calls.
    """

    def __init__(
        self,
        broker: Broker,
        limits: CallLimits,
        blobs: BlobStore,
        direct: DirectTexts,
        journal: JournaledRun | None = None,
        *,
        run: str = "",
        agent: str = "default",
        asker: Asker | None = None,
        reads: Reads | None = None,
        session: object | None = None,
    ) -> None:
        self.limits = limits
        self.journal = journal
        self.calls: list[ToolCall] = []
        """Every call that was let try, in the order in which they finished."""
        self.direct = direct
        self._broker = broker
        self._blobs = blobs
        self._run = run
        self._agent = agent
        self._stages = broker.stages
        policy = broker.stages.policy
        self._gate = None if policy is None else policy.open_run(run, agent, asker, session)
        self._fill = None if asker is None else asker.fill
        self._reads = reads
        self._made = 0
        self._ended: list[Callable[[], None]] = []
        """What is left to be recorded of calls that have succeeded."""
        self._slots = anyio.Semaphore(limits.concurrency, fast_acquire=True)

    async def admits(self, tool: ToolDefinition, read: Read) -> bool:
        """Whether a call of another run, for which this one may stand, might be made now."""
        if self._gate is None:
            return True
        arguments: dict[str, Any] = orjson.loads(read.arguments)
        try:
            await self._gate.admit(Call(self._run, self._agent, tool, read.digest, arguments, read.arguments))
        except ToolError:
            return False
        return True

    async def close(self) -> None:
        """Tell the gate that the run is over, and everything that it leaves is in its place."""
        if self._gate is not None:
            await self._gate.close()

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, Any], *, progress: Progress | None = None
    ) -> Any:
        """Call a tool and return its value, unwrapped (see ``unwrap``).

        Waits while ``limits.concurrency`` calls are in flight.

        Raises:
            ToolError: one of the family, by cause.
            RunDiverged, CallUnknown: a resumed run has been stopped.
        """
        try:
            return await self.value(server, tool, arguments, progress=progress)
        finally:
            self.settle()

    def settle(self) -> None:
        """Record the calls that have ended."""
        if self._ended:
            ended, self._ended = self._ended, []
            for end in ended:
                end()

    async def value(
        self, server: str, tool: str, arguments: Mapping[str, Any], *, progress: Progress | None = None
    ) -> Any:
        """Call a tool as ``call`` does, but leave it to ``settle`` to record that it has succeeded.

        The code can have the value meanwhile. Call ``settle`` before anything else of the run.
        """
        if self._made >= self.limits.max_calls:
            # Not recorded: code that goes on asking must not fill the record.
            if self._reads is not None:
                self._reads.spoil()
            self._exceeded(server, tool, "max_calls", "the run made all of its {:,} tool calls")
        self._made += 1
        journaled = None if self.journal is None else self.journal.claim(server, tool, arguments)
        if journaled is not None and journaled.is_known:
            return await self._recorded(server, tool, arguments, journaled)
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            await self._slots.acquire()
        course = _Course()
        span = None if (spans := self._stages.spans) is None else spans.call(server, tool)
        error: str | None = None
        try:
            return await self._call(server, tool, arguments, progress, course, journaled=journaled)
        except UnderpassError as raised:
            error = raised.type
            self._failed(server, tool, raised)
            self._note(server, tool, course, error)
            raise
        except BaseException as raised:
            is_cancelled = isinstance(raised, anyio.get_cancelled_exc_class())
            error = "Cancelled" if is_cancelled else type(raised).__name__
            self._note(server, tool, course, error)
            raise
        finally:
            self._slots.release()
            if span is not None:
                span.end(error)

    async def _call(
        self,
        server: str,
        name: str,
        arguments: Mapping[str, Any],
        progress: Progress | None,
        course: _Course,
        *,
        journaled: JournaledCall | None,
    ) -> Any:
        tool = await self._tool(server, name)
        encoded = _encode(tool.definition, arguments)
        course.bytes_in = len(encoded)
        if course.bytes_in > self.limits.max_argument_bytes:
            self._exceeded(server, name, "max_argument_bytes", "the arguments are over {:,} bytes")
        fingerprint = argument_digest(arguments)
        call = Call(self._run, self._agent, tool.definition, tool.digest, arguments, encoded, fingerprint)
        private = await self._validate(tool, call)
        course.about = call
        count: Callable[[int], None] | None = None
        if self._gate is not None:
            count = await self._gate.admit(call)
        elif (trail := self._stages.trail) is not None:
            trail.decided(call, None, "allowed")
        await self.direct.add(call_text(name, encoded))
        if self.journal is None:
            returned = await self._answer(tool, call, private, progress, course)
        else:
            if journaled is None:
                journaled = self.journal.begin(
                    server,
                    name,
                    tool.digest,
                    arguments,
                    encoded,
                    idempotent=tool.idempotent,
                    digest=fingerprint,
                )
            try:
                returned = await self._answer(tool, call, private, progress, course)
                if not journaled.may_wait(returned.encoded):
                    await journaled.finished(returned.encoded)
                    journaled = None
            except ToolError as error:
                await journaled.failed(error)
                raise
            except anyio.get_cancelled_exc_class():
                journaled.cancelled()
                raise
        if self._reads is not None:
            self._reads.note(call, returned.freshness)
        if count is not None:
            count(len(returned.encoded))
        if self._gate is not None:
            self._gate.returned(server, name, returned.value, returned.encoded)
        course.ended = time.perf_counter()

        def end() -> None:
            if journaled is not None:
                journaled.end(returned.encoded)
            tool.observe(returned.value)
            self._note(server, name, course, None)

        self._ended.append(end)
        return returned.value

    async def _tool(self, server: str, name: str) -> KnownTool:
        try:
            return await self._broker.tool(server, name)
        except ToolError as error:
            # It may quote what the server wrote to standard error.
            if (privacy := self._broker.privacy(server, name)) is None:
                raise
            concealed = await privacy.concealed_error(self._agent, error)
        raise concealed

    async def _validate(self, tool: KnownTool, call: Call) -> PrivateCall | None:
        """Validate the arguments as the tool will get them."""
        if tool.privacy is None:
            tool.validator.validate(call.arguments)
            return None
        private = await tool.privacy.begin(call)
        try:
            tool.validator.validate(private.arguments)
        except ToolError as error:
            concealed = await private.concealed_error(error)
        else:
            return private
        raise concealed

    async def _answer(
        self,
        tool: KnownTool,
        call: Call,
        private: PrivateCall | None,
        progress: Progress | None,
        course: _Course,
    ) -> Returned:
        if (cache := self._stages.cache) is None or not cache.has_part_in(call):
            return await self._send_privately(tool, call, private, progress, course)
        course.reached = "cache"
        make = partial(self._send_privately, tool, call, private, progress, course)
        returned = await cache.answer(call, make)
        if course.reached == "cache":
            course.bytes_out = len(returned.encoded)
            self._bound(call, course)
            await self.direct.add(returned.encoded.decode(), (call.tool.server, call.tool.name))
        return returned

    async def _send_privately(
        self,
        tool: KnownTool,
        call: Call,
        private: PrivateCall | None,
        progress: Progress | None,
        course: _Course,
    ) -> Returned:
        if private is None:
            return await self._send(tool, call, None, progress, course)
        try:
            return await self._send(tool, call, private, private.concealed_progress(progress), course)
        except ToolError as error:
            concealed = await private.concealed_error(error)
        # Outside of the handler: what is raised must not bring along what it was made from.
        raise concealed

    async def _send(
        self,
        tool: KnownTool,
        call: Call,
        private: PrivateCall | None,
        progress: Progress | None,
        course: _Course,
    ) -> Returned:
        """Make the call."""
        server, name = tool.definition.server, tool.definition.name
        arguments = call.arguments if private is None else private.arguments
        course.reached = "server"
        with filled_by(self._fill):
            outcome = await self._broker.dispatch(tool, arguments, self.limits, progress, self._blobs)
        try:
            text = result_text(outcome.content, outcome.structured, has_structured=outcome.has_structured)
            await self.direct.add(text, (server, name))
            blobs = _Noting(self._blobs)
            value = await unwrap(tool.definition, outcome, blobs)
            if private is not None:
                value = await private.conceal(value, len(text))
            written = orjson.dumps(value)
            course.bytes_out = len(written)
        except orjson.JSONEncodeError as error:
            raise ToolFailed(
                f"{server}.{name} sent a result that cannot be written as JSON: {error}",
                server=server,
                tool=name,
            ) from error
        self._bound(call, course)
        return Returned(value, written, not blobs.used)

    def _bound(self, call: Call, course: _Course) -> None:
        if course.bytes_out > self.limits.max_result_bytes:
            tool = call.tool
            self._exceeded(tool.server, tool.name, "max_result_bytes", "the result is over {:,} bytes")

    async def _recorded(
        self, server: str, tool: str, arguments: Mapping[str, Any], journaled: JournaledCall
    ) -> Any:
        """Answer a call that the run made before it was resumed."""
        encoded = orjson.dumps(arguments)
        course = _Course(len(encoded), about=journaled.record, reached="journal")
        error: str | None = None
        try:
            await self.direct.add(call_text(tool, encoded))
            value = await journaled.answer()
            written = orjson.dumps(value)
            course.bytes_out = len(written)
            await self.direct.add(written.decode(), (server, tool))
            if self._gate is not None:
                self._gate.returned(server, tool, value, written)
        except ToolError as raised:
            error = raised.type
            self._failed(server, tool, raised)
            raise
        except anyio.get_cancelled_exc_class():
            error = "Cancelled"
            raise
        else:
            return value
        finally:
            self._note(server, tool, course, error)

    def _failed(self, server: str, tool: str, error: UnderpassError) -> None:
        """Tell the gate what the code is about to see of a failure: a server's own words are data as well."""
        if self._gate is not None and isinstance(error, ToolFailed):
            text = error.message.encode("utf-8", "replace").decode()
            self._gate.returned(server, tool, text, orjson.dumps(text))

    def _note(self, server: str, tool: str, course: _Course, error: str | None) -> None:
        duration = ((course.ended or time.perf_counter()) - course.began) * 1000
        cached = error is None and course.reached == "cache"
        sizes = (course.bytes_in, course.bytes_out)
        call = ToolCall(server, tool, duration, error is None, *sizes, error, cached=cached)
        self.calls.append(call)
        if error is not None and self._reads is not None:
            self._reads.spoil()
        if self._stages.trail is not None:
            self._stages.trail.called(self._run, self._agent, call, course.reached, course.about)

    def _exceeded(self, server: str, tool: str, limit: str, what: str) -> Never:
        value = getattr(self.limits, limit)
        raise ToolLimitExceeded(
            f"{server}.{tool}: {what.format(value)}",
            hint=f"do with less, or raise calls.{limit}",
            server=server,
            tool=tool,
            limit=limit,
            value=value,
            setting=f"calls.{limit}",
        )


def _encode(tool: ToolDefinition, arguments: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(arguments)
    except orjson.JSONEncodeError as error:
        raise ToolArgumentsInvalid(
            f"{tool.server}.{tool.name}: the arguments cannot be written as JSON: {error}",
            hint="pass objects, arrays, strings, numbers, true, false and null only",
            server=tool.server,
            tool=tool.name,
        ) from error
