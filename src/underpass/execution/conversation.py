"""The host's talk with one guest, from the program it is sent to the value it answers with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import anyio
import anyio.lowlevel

from underpass.errors import LimitExceeded, SandboxCrashed, Timeout, UnderpassError
from underpass.execution import frames
from underpass.execution.clock import Clock
from underpass.execution.noticing import Noticing
from underpass.sandbox.lease import ChannelClosed, Exit, FrameTooLarge, Lease, dumps

_GRACE: float = 0.25
"""Seconds between the guest's own end of time and ours: it then says where the program was."""
_EXIT_WAIT: float = 2.0
"""Seconds to wait for the news of how a guest ended, once its channel is closed."""
_UNANSWERED: int = 256
"""Questions of one guest that are worked on at once; it waits to ask more."""


class Host(Protocol):
    """What a guest may ask for."""

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Call a tool. Raises ``ToolError``."""
        ...

    async def ask(self, what: str, arguments: Mapping[str, Any]) -> Any:
        """Answer one of ``mcp_runtime``'s questions. Raises ``UnderpassError``."""
        ...

    async def module(self, name: str, magic: str) -> Any:
        """Return a generated module for a guest whose Python has ``magic``. Raises ``UnderpassError``."""
        ...

    async def progress(self, value: float, total: float | None, message: str | None) -> None:
        """Pass on how far the program is."""
        ...

    def use(self, use: frames.Use) -> None:
        """Take down calls of a skill."""
        ...

    def settle(self) -> None:
        """Do what is left to do of calls whose answers are on their way."""
        ...


@dataclass(slots=True)
class Outcome:
    """How a conversation ended, before it is shaped."""

    done: frames.Done | None = None
    """The guest's own account; None where it gave none."""
    size: int = 0
    """Bytes of that account, the value's JSON for the most part."""
    error: UnderpassError | None = None
    """Our word for how it ended, where there is no account of the guest."""
    output: dict[str, list[str]] = field(default_factory=lambda: {"stdout": [], "stderr": []})


class Conversation:
    """One run's exchange of frames.

    Parameters:
        lease: the guest.
        host: answers its questions.
        clock: the program's time; it stands while a person is asked.
        output_bytes: how much it may print.
        keeps_time: whether the guest ends the program in time; it is told when time is over otherwise.
    """

    def __init__(
        self, lease: Lease, host: Host, *, clock: Clock, output_bytes: int, keeps_time: bool = True
    ) -> None:
        self._lease = lease
        self._channel = lease.channel
        self._host = host
        self._clock = clock
        self._keeps_time = keeps_time
        self._output_left = output_bytes
        self._output_bytes = output_bytes
        self._outcome = Outcome()
        self._unanswered = 0
        self._one_answered: anyio.Event | None = None
        """Set for a reader that waits because there are too many questions."""
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._tasks = anyio.create_task_group()
        self._context = copy_context()

    async def hold(self, program: Mapping[str, Any]) -> Outcome:
        """Send the program and serve the guest until it is done, dead, or out of time."""
        outcome, scope = self._outcome, self._tasks.cancel_scope
        self._clock.start(self._set_time)
        scope.deadline = self._clock.deadline + _GRACE
        async with self._tasks:
            try:
                await self._channel.send(dumps({"op": "run", **program}))
            except SandboxCrashed as error:
                outcome.error = error
            else:
                if not self._keeps_time:
                    self._tasks.start_soon(self._tell_time)
                await self._serve()
        if scope.cancelled_caught and outcome.done is None and outcome.error is None:
            silent = "" if self._keeps_time else "it was computing, so its line is not known; "
            outcome.error = Timeout(
                f"the run took longer than {self._clock.seconds:g} s",
                hint=f"{silent}do less in one run, call tools concurrently (asyncio.gather, Promise.all), "
                "or raise the timeout",
                timeout=self._clock.seconds,
            )
        return outcome

    async def _tell_time(self) -> None:
        """Let a guest that waits say where, when time is over."""
        await self._clock.over()
        await self._reply({"op": "timeout"})

    def _set_time(self, left: float | None) -> None:
        """Follow the clock, with the guest: it stands (None), or goes on."""
        self._tasks.cancel_scope.deadline = self._clock.deadline + _GRACE
        if self._keeps_time:
            # The guest may be one that does not listen: nobody waits for that.
            self._tasks.start_soon(self._reply, {"op": "clock", "left": left})

    async def _serve(self) -> None:
        """Read frames to the last, or until a question has to wait: another task reads on then.

        Most questions are answered at once. One task does it all then, and starts no other.
        """
        late: dict[str, Any] | None = None
        # The guest may give up the question that this task works on, but never in the middle of a frame.
        with anyio.CancelScope() as scope:
            late = await self._read(scope)
        if late is not None:
            try:
                await self._reply(late)
            finally:
                self._answered()

    async def _read(self, scope: anyio.CancelScope) -> dict[str, Any] | None:
        """Heed frames; returns the answer to the question that had to wait, once there is one."""
        try:
            while self._outcome.done is None:
                raw, size = await self._channel.receive()
                waited, answer = await self._heed(frames.read(raw), size, scope)
                if waited:
                    return answer
                if answer is not None:
                    await self._reply(answer)
        except ChannelClosed:
            self._outcome.error = await self._death()
        except FrameTooLarge as error:
            self._outcome.error = LimitExceeded(
                f"the sandbox sent {error.size:,} bytes at once, and the limit is {error.limit:,}",
                hint="return less, or print less at once",
                limit="run.result_bytes",
                value=error.limit,
                setting="run.result_bytes",
            )
        except UnderpassError as error:
            self._outcome.error = error
        if self._unanswered or not self._keeps_time:
            self._tasks.cancel_scope.cancel()
        return None

    async def _heed(
        self, frame: frames.GuestFrame, size: int, scope: anyio.CancelScope
    ) -> tuple[bool, dict[str, Any] | None]:
        """Do what a frame asks for; returns whether another task reads by now, and what to answer."""
        host = self._host
        match frame:
            case frames.Call(number, server, tool, arguments):
                return await self._answer(number, partial(host.call, server, tool, arguments), scope)
            case frames.Done():
                self._outcome.done, self._outcome.size = frame, size
                self._channel.finished = True
            case frames.Output(stream, text):
                self._print(stream, text)
            case frames.Ask(number, what, arguments):
                return await self._answer(number, partial(host.ask, what, arguments), scope)
            case frames.Module(number, name, magic):
                return await self._answer(number, partial(host.module, name, magic), scope)
            case frames.Cancel(number):
                if given_up := self._scopes.get(number):
                    given_up.cancel()
                    # It takes effect before what the program does next.
                    await anyio.lowlevel.checkpoint()
            case frames.Progress(value, total, message):
                await host.progress(value, total, message)
            case frames.Use():
                host.use(frame)
        return False, None

    def _print(self, stream: str, text: str) -> None:
        self._output_left -= len(text.encode("utf-8", "replace"))
        if self._output_left < 0:
            raise LimitExceeded(
                f"the program printed more than {self._output_bytes:,} bytes",
                hint="return data instead of printing it, or raise the setting run.output_bytes",
                limit="output",
                value=self._output_bytes,
                setting="run.output_bytes",
            )
        self._outcome.output[stream].append(text)

    async def _answer(
        self, number: int, work: Callable[[], Awaitable[Any]], scope: anyio.CancelScope
    ) -> tuple[bool, dict[str, Any] | None]:
        """Find the answer to one question; wait first when there are too many.

        When the work has to wait, another task begins to read; returns whether it did, and the answer. Where
        it did, ``_answered`` is still to be called.
        """
        while self._unanswered >= _UNANSWERED:
            self._one_answered = anyio.Event()
            await self._one_answered.wait()
        self._unanswered += 1
        self._scopes[number] = scope
        noticing = Noticing(work(), self._read_on)
        answer: dict[str, Any] | None = None
        try:
            answer = {"id": number, "value": await noticing}
        except UnderpassError as error:
            answer = {"id": number, "error": error.to_dict()}
        finally:
            self._scopes.pop(number, None)
            if answer is None or not noticing.waited:
                self._answered()
        return noticing.waited, answer

    def _answered(self) -> None:
        self._unanswered -= 1
        if self._one_answered is not None:
            self._one_answered.set()

    def _read_on(self) -> None:
        """Let another task read; it starts as the run did, without what a tool call has set."""
        self._context.run(self._tasks.start_soon, self._serve)

    async def _reply(self, answer: dict[str, Any]) -> None:
        try:
            await self._channel.send(dumps(answer))
        except SandboxCrashed:
            # The guest has gone; whoever reads its channel finds out and says why.
            return
        finally:
            # Meanwhile the guest reads the answer.
            self._host.settle()

    async def _death(self) -> UnderpassError:
        """Say how the guest ended, when it closed its channel without an answer."""
        how: Exit | None = None
        with anyio.move_on_after(_EXIT_WAIT):
            how = await self._lease.ended()
        if how is None:
            return SandboxCrashed(
                "the program closed the sandbox's channel", hint="descriptor 3 is not its own"
            )
        if how.limit is not None:
            setting, value = how.limit
            return LimitExceeded(
                f"the program was ended at the limit {setting} of {value:,}",
                hint=f"do less in one run, in smaller pieces, or raise the setting {setting}",
                limit=setting.removeprefix("run."),
                value=value,
                setting=setting,
            )
        if how.status == -9:
            return SandboxCrashed(
                f"the sandbox was killed after {how.cpu:.1f} s of processor time",
                hint="it used up its processor time (run.cpu_seconds) or the machine's memory",
                signal=9,
                cpu=how.cpu,
            )
        if how.status >= 0:
            # Deno gives up with this status where it wants a file of its own and gets none.
            deno = how.status == 1 and not self._keeps_time
            more = "; or it had too many files or workers: see the setting run.open_files" if deno else ""
            return SandboxCrashed(
                f"the program ended its process with status {how.status} before it had a value",
                hint="end a program with its last expression or `return`, not by ending its process" + more,
                status=how.status,
            )
        return SandboxCrashed(
            f"the sandbox died of {how.describe()}",
            hint="native code crashed; nothing outside of this run is affected",
            signal=-how.status,
        )
