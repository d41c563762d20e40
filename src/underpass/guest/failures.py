"""Says why a program failed, in its own line numbers, with a hint where the cause is a known one."""

from __future__ import annotations

import builtins
import errno
import traceback
from types import TracebackType
from typing import Any, cast

from underpass.guest.errors import ToolError
from underpass.guest.program import MAIN

_FRAMES = 12


class NeverAwaited(Exception):
    """A tool function was called, but its result never awaited: nothing happened."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function}(...) was never awaited, so it did nothing")
        self.function = function


class ValueTooLarge(Exception):
    """The value is larger than the host takes."""


def describe(error: BaseException, filename: str, names: dict[str, Any]) -> dict[str, Any]:
    """Return ``type``, ``message``, ``hint``, ``traceback`` and ``line`` of a program's error."""
    lines = _lines(error, filename)
    return {
        "type": type(error).__name__,
        "message": _message(error),
        "hint": _hint(error, names),
        "traceback": "".join(lines),
        "line": _line(error, filename),
    }


def _message(error: BaseException) -> str:
    if isinstance(error, ToolError):
        return error.message
    if isinstance(error, SyntaxError):
        return error.msg
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error).exceptions
        parts = "; ".join(f"{type(part).__name__}: {part}" for part in group[:5])
        return f"{error.message}: {parts}"
    try:
        return str(error)
    except Exception:
        return f"<an exception whose str() fails: {type(error).__name__}>"


def _own_frames(tb: TracebackType | None, filename: str) -> list[traceback.FrameSummary]:
    """The frames of the program and of files in its workspace; ours and the library's say little."""
    frames = traceback.extract_tb(tb)
    own = [frame for frame in frames if frame.filename == filename]
    if any(frame.name == MAIN for frame in own):
        # The program was moved into a function; what awaits that function is not the program's.
        own = [frame for frame in own if frame.name != "<module>"]
    for frame in own:
        if frame.name == MAIN:
            frame.name = "<module>"
    return own[-_FRAMES:]


def _lines(error: BaseException, filename: str) -> list[str]:
    if isinstance(error, SyntaxError) and error.filename == filename:
        return traceback.format_exception_only(error)
    frames = _own_frames(error.__traceback__, filename)
    if not frames:
        return []
    # A limit is no exception that the program knows, and a group's parts are in the message.
    own_words = isinstance(error, Exception) and not isinstance(error, BaseExceptionGroup)
    last = traceback.format_exception_only(error)[-1] if own_words else ""
    return ["Traceback (most recent call last):\n", *traceback.format_list(frames), last[:2_000]]


def _line(error: BaseException, filename: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == filename:
        return error.lineno
    frames = _own_frames(error.__traceback__, filename)
    return frames[-1].lineno if frames else getattr(error, "line", None)


def _hint(error: BaseException, names: dict[str, Any]) -> str:
    text = _message(error)
    match error:
        case ToolError():
            return error.hint
        case ValueTooLarge():
            return "return less: aggregate, filter, or save it and return its path"
        case NeverAwaited():
            return f"tool functions are asynchronous: write `await {error.function}(...)`"
        case MemoryError():
            return "process the data in smaller pieces, or raise the setting run.memory_mb"
        case RecursionError():
            return "use a loop instead of recursion"
        case NameError() if suggestion := _similar(error.name, [*names, *dir(builtins)]):
            return f"did you mean {suggestion!r}?"
        case _ if "coroutine" in text:
            return "tool functions are asynchronous: write `await` before the call"
        case RuntimeError() if "asyncio.run()" in text or "loop is already running" in text:
            return "the program already runs in an event loop: write `await main()` at the top level"
        case OSError(errno=errno.EMFILE):
            return "256 files may be open at once: close them, best with `with open(...) as file`"
        case OSError(errno=errno.EFBIG):
            return "one file may hold 100 MB: write several, or write less"
        case OSError(errno=errno.ENOSPC):
            return "the folder /tmp holds 64 MB: write to the workspace, which is the current folder"
        case RuntimeError() if "start new thread" in text:
            return "threads share the program's memory and no other limit: use fewer, or asyncio"
        case PermissionError() | BlockingIOError():
            return (
                "the sandbox has no network and no other processes, and writes only below the workspace "
                "and /tmp; use the tools of mcp_servers for everything outside"
            )
        case FileNotFoundError():
            return "the sandbox sees the workspace (the current folder) and /tmp, not the host's files"
        case ModuleNotFoundError() if not text.startswith("no "):
            return "there are Python's standard library, mcp_servers and mcp_runtime, and no other packages"
        case _:
            return ""


def _similar(name: str | None, known: list[str]) -> str | None:
    import difflib

    found = difflib.get_close_matches(name or "", [each for each in known if not each.startswith("__")], n=1)
    return found[0] if found else None
