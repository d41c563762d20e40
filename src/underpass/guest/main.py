"""Runs one program that the host sends, and answers with its value or its error."""

from __future__ import annotations

import asyncio
import builtins
import inspect
import linecache
import selectors
import signal
import sys
import time
import warnings
from collections.abc import Coroutine
from types import CodeType, FrameType
from typing import Any, NoReturn

from underpass.guest import failures, importer, runtime, values
from underpass.guest.channel import Channel
from underpass.guest.output import Output
from underpass.guest.program import VALUE_NAME, compile_program
from underpass.guest.workspace import Workspace


class TimeLimit(BaseException):
    """Raised inside the program shortly before the host ends it, to show where it was."""


def serve(descriptor: int, workspace: str) -> None:
    """Wait for a ``run`` frame on ``descriptor``, run its program, and send the ``done`` frame."""
    channel = Channel(descriptor)
    Guest(channel, workspace).run(channel.receive())


class Guest:
    """One sandbox's inside: its streams, its modules, and the names that its programs share."""

    def __init__(self, channel: Channel, workspace: str) -> None:
        self._channel = channel
        self._outputs = (Output(channel, "stdout"), Output(channel, "stderr"))
        self._names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, "__doc__": None}
        self._never_awaited: list[str] = []
        sys.stdout, sys.stderr = self._outputs
        sys.stdin = None
        importer.install(channel)
        runtime.install(channel, self._outputs, Workspace(workspace))
        # Python calls this hook for a coroutine that is thrown away without being awaited.
        warnings._warn_unawaited_coroutine = self._note_never_awaited  # type: ignore[attr-defined]

    def run(self, frame: dict[str, Any]) -> None:
        """Run the program of one ``run`` frame."""
        filename, source = frame["filename"], frame["code"]
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        started = time.monotonic()
        answer: dict[str, Any] = {}
        try:
            code = compile_program(source, filename)
            self._limit_time(frame["timeout"])
            value = self._execute(code)
            signal.setitimer(signal.ITIMER_REAL, 0)
            text, problems = self._express(value)
            if problems:
                answer["problems"] = problems
        except BaseException as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            answer["error"] = failures.describe(error, filename, self._names)
            text = "null"
        for output in self._outputs:
            output.flush()
        answer |= {"op": "done", "started": started}
        head = values.to_json(answer)[0]
        self._channel.send_text(f'{head[:-1]},"value":{text}}}')

    def _execute(self, code: CodeType) -> Any:
        self._names.pop(VALUE_NAME, None)
        if code.co_flags & inspect.CO_COROUTINE:
            self._run_loop(eval(code, self._names))
        else:
            exec(code, self._names)
        return self._names.pop(VALUE_NAME, None)

    def _run_loop(self, main: Coroutine[Any, Any, Any]) -> None:
        # A selector without a descriptor of its own starts faster than epoll, and few are watched.
        loop = asyncio.SelectorEventLoop(selectors.PollSelector())
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main)

    def _express(self, value: Any) -> tuple[str, list[tuple[str, str]]]:
        if inspect.iscoroutine(value):
            name = value.__qualname__
            value.close()
            raise failures.NeverAwaited(name)
        if self._never_awaited:
            raise failures.NeverAwaited(self._never_awaited[0])
        return values.to_json(value)

    def _note_never_awaited(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._never_awaited.append(coroutine.__qualname__)

    def _limit_time(self, seconds: float) -> None:
        """Interrupt the program at its limit; the host ends the process a little later."""

        def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
            raise TimeLimit

        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, seconds)
