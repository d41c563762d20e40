"""Runs one program that the host sends, and answers with its value or its error."""

from __future__ import annotations

import builtins
import inspect
import io
import linecache
import mmap
import os
import signal
import sys
import time
import warnings
from collections.abc import Coroutine
from contextlib import suppress
from types import CoroutineType, FrameType, ModuleType
from typing import Any

from underpass.guest import failures, files, importer, runtime, values
from underpass.guest.channel import Channel, Closed
from underpass.guest.frugal_json import loads
from underpass.guest.loop import GuestLoop
from underpass.guest.output import Output
from underpass.guest.program import Program, compile_program
from underpass.guest.straight import needs_loop, run_straight
from underpass.guest.workspace import Workspace

_RESERVE = 4 << 20
_RUN = '{"op":"run"'
"""What a ``run`` frame begins with."""
_SOON = 0.01
"""Seconds after which a handler tries again that came at a bad moment."""
_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def _reserve() -> mmap.mmap:
    """Address space that is still to be had when a program has used up all the rest."""
    return mmap.mmap(-1, _RESERVE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class TimeLimit(BaseException):
    """Raised inside the program shortly before the host ends it, to show where it was (``line``)."""

    def __init__(self, line: int | None) -> None:
        super().__init__()
        self.line = line


class CpuLimit(BaseException):
    """Raised inside the program when its processor time is used up; the kernel kills it soon."""


def serve(descriptor: int, workspace: str) -> None:
    """Wait for the agent's name, and then do what ``Guest.serve`` does, until the host has gone."""
    os.set_blocking(descriptor, False)
    channel = Channel(descriptor)
    channel.receive_text()
    guest = Guest(channel, workspace)
    with suppress(Closed):
        guest.serve()
    guest.close()


class Guest:
    """One sandbox's inside: its streams, its modules, and the names that its programs share."""

    def __init__(self, channel: Channel, workspace: str) -> None:
        self._channel = channel
        channel.on_clock = self._set_time
        self._outputs = (Output(channel, "stdout"), Output(channel, "stderr"))
        # The program's module is the one that Python's own code finds under this name.
        sys.modules["__main__"] = module = ModuleType("__main__")
        self._names = module.__dict__
        self._names["__builtins__"] = builtins
        self._never_awaited: list[str] = []
        self._main: Any = None
        self._loop = GuestLoop()
        self._filename = ""
        self._earlier: set[str] = set()
        """What the programs were called that ran here before, in a session."""
        self._session = False
        self._ended = False
        self._refused = False
        self._no_time = False
        self._reserve = _reserve()
        sys.stdout, sys.stderr = self._outputs
        sys.stdin = None
        self._importer = importer.install(channel)
        self._workspace = Workspace(workspace, channel)
        runtime.install(channel, self._outputs, self._workspace)
        # Python calls this hook for a coroutine that is thrown away without being awaited.
        warnings._warn_unawaited_coroutine = self._note_never_awaited  # type: ignore[attr-defined]

        signal.signal(signal.SIGXCPU, self._out_of_cpu)
        signal.signal(signal.SIGXFSZ, self._note_refused)
        signal.signal(signal.SIGALRM, self._out_of_time)

    def serve(self) -> None:
        """Run the host's program; in a session one after the other. Raises ``Closed``."""
        frame = self._channel.receive()
        self.run(frame)
        while frame.get("session"):
            frame = self._next_program()
            self._be_as_before(frame.get("changed", []))
            self.run(frame)

    def _next_program(self) -> dict[str, Any]:
        """Wait for the next ``run`` frame. Answers that the last program did not wait for come before it."""
        while not (text := self._channel.receive_text()).startswith(_RUN):
            pass
        return loads(text)

    def _be_as_before(self, changed: list[str]) -> None:
        """Let the last run leave nothing behind but the program's names."""
        self._earlier.add(self._filename)
        self._refused = False
        self._never_awaited.clear()
        self._importer.unload(changed)
        # Where a program has used up all memory, the next may be the one that gives it back.
        with suppress(OSError, MemoryError):
            if self._reserve.closed:
                self._reserve = _reserve()

    def run(self, frame: dict[str, Any]) -> None:
        """Run the program of one ``run`` frame."""
        filename, source = frame["filename"], frame["code"]
        self._session = frame.get("session", False)
        self._filename = filename
        self._ended = False
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        self._importer.know(frame.get("modules", {}), frame.get("magic", ""))
        started = time.monotonic()
        answer: dict[str, Any] = {}
        try:
            program = compile_program(source, filename)
            # The host ends the process a little later.
            signal.setitimer(signal.ITIMER_REAL, frame["timeout"])
            value = self._execute(program, source)
            self._flush_files()
            text, problems = self._express(value)
            signal.setitimer(signal.ITIMER_REAL, 0)
            if problems:
                answer["problems"] = problems
            self._fit(text, frame)
            self._ended = True
        except BaseException as error:
            # First of all: a second limit that is reached now must not end what tells of the first.
            self._ended = True
            # Before anything else: whatever that is, it needs memory.
            self._reserve.close()
            signal.setitimer(signal.ITIMER_REAL, 0)
            text = "null"
            answer["error"] = failures.describe(error, filename, self._names, self._earlier)
        for output in self._outputs:
            output.flush()
        self._importer.uses.finish()
        answer |= {"op": "done", "started": started}
        if self._refused:
            answer["refused"] = True
        try:
            self._answer(answer, text)
        except MemoryError as error:
            # A frame is made whole before any of it is sent, so nothing has been.
            text = ""
            self._reserve.close()
            answer["error"] = failures.describe(error, filename, self._names, self._earlier)
            self._answer(answer, "null")

    def _answer(self, answer: dict[str, Any], value: str) -> None:
        head = values.to_json(answer)[0]
        self._channel.send_text(f'{head[:-1]},"value":{value}}}')

    def share(self, modules: dict[str, Any]) -> None:
        """Load modules that every program is to find loaded."""
        self._importer.share(modules)

    def forget(self) -> None:
        """Be as new: the next program is another's."""
        self._names.clear()
        self._names |= {**vars(ModuleType("__main__")), "__builtins__": builtins}
        self._reserve.close()
        self._reserve = _reserve()
        linecache.clearcache()
        self._importer.forget()
        self._channel.forget()

    def rehearse(self, frames: bytes, modules: list[str]) -> None:
        """Run a program and be as before: the memory that runs touch is then our own already.

        Parameters:
            frames: its ``run`` frame, and answers to all that it asks.
            modules: those of them that it loads.
        """
        before = len(self._names)
        self._channel.rehearse(frames)
        self.run(self._channel.receive())
        self._channel.end_rehearsal()
        self._importer.unload(modules)
        linecache.cache.pop(self._filename, None)
        while len(self._names) > before:
            self._names.popitem()

    def move(self, workspace: str) -> None:
        """Serve another workspace than the one that it was made for."""
        self._workspace.root = workspace

    def close(self) -> None:
        """Free what the guest holds; a process that ends need not."""
        self._loop.close()

    def _execute(self, program: Program, source: str) -> Any:
        try:
            if program.awaits:
                return self._run(self._await(program), source)
            if program.body is not None:
                exec(program.body, self._names)
            return None if program.value is None else eval(program.value, self._names)
        except SystemExit as end:
            # `sys.exit()` is how a script ends early, and no error.
            if end.code not in (None, 0):
                raise
            return None

    async def _await(self, program: Program) -> Any:
        value: Any = None
        for part in program:
            if part is not None:
                value = eval(part, self._names)
                if part.co_flags & inspect.CO_COROUTINE:
                    value = await value
        return None if program.value is None else value

    def _waiting_at(self) -> int | None:
        """The line of the program at which its main task waits; None when it is not waiting."""
        line, coroutine = None, self._main
        while isinstance(coroutine, CoroutineType) and coroutine.cr_frame is not None:
            if coroutine.cr_frame.f_code.co_filename == self._filename and not coroutine.cr_running:
                line = coroutine.cr_frame.f_lineno
            coroutine = coroutine.cr_await
        return line

    def _run(self, main: Coroutine[Any, Any, Any], source: str) -> Any:
        self._main = main
        # In a session, a program uses what others before it have imported.
        return self._loop.run(main) if self._session or needs_loop(source) else run_straight(main)

    def _express(self, value: Any) -> tuple[str, list[tuple[str, str]]]:
        if isinstance(value, CoroutineType):
            name = value.__qualname__
            value.close()
            raise failures.NeverAwaited(name)
        text, problems = values.to_json(value)
        if problems and any("coroutine" in reason for _, reason in problems):
            self._never_awaited.append("a function of mcp_servers")
        if self._never_awaited:
            raise failures.NeverAwaited(self._never_awaited[0])
        return text, problems

    def _fit(self, text: str, frame: dict[str, Any]) -> None:
        """Leave a value that is too large for the host in the workspace, and raise."""
        if len(text) <= frame["max_value"]:
            return
        size = f"the value takes {len(text):,} characters of JSON, and the limit is {frame['max_value']:,}"
        name = f"results/{frame['run']}.json"
        try:
            # Without asking for room: it is the host that wants it there.
            files.write(self._workspace.path(name), text.encode(), whole=True)
        except OSError as error:
            raise failures.ValueTooLarge(f"{size}; it could not be kept either: {error}") from None
        raise failures.ValueTooLarge(f"{size}; it is kept whole in the workspace as {name}")

    def _note_never_awaited(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._never_awaited.append(coroutine.__qualname__)

    def _out_of_time(self, _signal: int, _frame: FrameType | None) -> None:
        if self._ended:
            return
        # The clock may stand, or have stood, and a program that computes has not read that.
        self._no_time = True
        if not self._channel.hear_of_time():
            signal.setitimer(signal.ITIMER_REAL, _SOON)
        elif self._no_time:
            raise TimeLimit(self._waiting_at())

    def _set_time(self, left: float | None) -> None:
        """Let the program's time stand (None), or go on with ``left`` seconds."""
        if not self._ended:
            self._no_time = False
            signal.setitimer(signal.ITIMER_REAL, 0 if left is None else max(left, _SOON))

    def _flush_files(self) -> None:
        """Write what open files hold back; nothing else does when a process just ends."""
        for value in self._names.values():
            if type(value) in _WRITERS and not value.closed:
                value.flush()

    def _note_refused(self, _signal: int, _frame: FrameType | None) -> None:
        """A file could not grow. Python may be throwing the file away, and then hides the error."""
        self._refused = True

    def _out_of_cpu(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._ended:
            raise CpuLimit
