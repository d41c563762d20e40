"""Says why a program failed, in its own line numbers, with a hint where the cause is a known one."""

from __future__ import annotations

import builtins
import errno
import mmap
import os
import re
import sys
import threading
import traceback
from collections.abc import Collection
from types import TracebackType
from typing import Any, cast

from underpass.guest.errors import HostError
from underpass.guest.program import MAIN

_FRAMES = 12
_TMP = "/tmp"  # noqa: S108 - the sandbox's own
_STACK = 8 << 20
"""Bytes that a thread takes where the program says nothing else."""
_LONGEST = 20_000
"""Characters of an error's text."""
_CALLBACK = "native code cannot be given a Python function here: it would take new machine code"
_OUTSIDE = (
    "the sandbox has no network and no other processes, and writes only below the workspace and /tmp; "
    "use the tools of mcp_servers for everything outside"
)


class NeverAwaited(Exception):
    """A tool function was called, but its result never awaited: nothing happened."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function}(...) was never awaited, so it did nothing")
        self.function = function


class ValueTooLarge(Exception):
    """The value is larger than the host takes."""


def describe(
    error: BaseException, filename: str, names: dict[str, Any], earlier: Collection[str] = ()
) -> dict[str, Any]:
    """Return ``type``, ``message``, ``hint``, ``traceback`` and ``line`` of a program's error.

    A limit has a type that the host knows, whatever Python calls it.

    Parameters:
        error: what the program raised.
        filename: what the program is called.
        names: the program's names, to suggest one that is alike.
        earlier: what programs are called whose functions it may have called.
    """
    try:
        if isinstance(error, MemoryError) and _wants_callback(error):
            error = PermissionError(_CALLBACK).with_traceback(error.__traceback__)
        lines = _lines(error, filename, earlier)
        return {
            "type": _limit(error) or type(error).__name__,
            "message": _message(error),
            "hint": _hint(error, names),
            "traceback": "".join(lines),
            "line": _line(error, filename),
        }
    except MemoryError:
        # The error itself takes the memory that is left.
        error.__traceback__ = None
        return {"type": "MemoryError", "message": "", "hint": "", "traceback": "", "line": None}


def _limit(error: BaseException) -> str | None:
    """The limit that an error of Python's comes from; None where it is another error."""
    match error:
        case MemoryError():
            return "MemoryError"
        case OSError(errno=errno.EFBIG):
            return "FileSizeLimit"
        case OSError(errno=errno.EMFILE):
            return "OpenFilesLimit"
        case OSError(errno=errno.ENOSPC) if _is_full(_TMP):
            return "TmpLimit"
        case RuntimeError() if "start new thread" in str(error):
            return "ThreadLimit" if _has_room_for_a_thread() else "ThreadMemory"
        case _:
            return None


def _has_room_for_a_thread() -> bool:
    """Whether the memory of a thread is to be had, so that there must be too many threads."""
    try:
        mmap.mmap(-1, threading.stack_size() or _STACK).close()
    except (OSError, ValueError):
        return False
    return True


def _is_full(folder: str) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    return not (status.f_bavail and status.f_favail)


def _wants_callback(error: MemoryError) -> bool:
    """Whether a function was to be made callable from C, which takes new machine code.

    Python reports that this is forbidden as a lack of memory.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if "ctypes" not in sys.modules or not frames:
        return False
    from _ctypes import CFuncPtr

    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    known = {} if tb is None else {**tb.tb_frame.f_globals, **tb.tb_frame.f_locals}
    kinds = [name for name, its in known.items() if isinstance(its, type) and issubclass(its, CFuncPtr)]
    words = re.findall(r"\w+", frames[-1].line or "")
    return any(word in kinds or word.endswith("FUNCTYPE") for word in words)


def _message(error: BaseException) -> str:
    text = _whole_message(error)
    # The host bounds what it shows; here a huge text would be copied until no memory is left.
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _whole_message(error: BaseException) -> str:
    if isinstance(error, HostError):
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


def _own_frames(
    tb: TracebackType | None, filename: str, earlier: Collection[str] = ()
) -> list[traceback.FrameSummary]:
    """The frames of the program and of those before it; ours and the library's say little."""
    frames = traceback.extract_tb(tb)
    own = [frame for frame in frames if frame.filename == filename or frame.filename in earlier]
    if any(frame.name == MAIN for frame in own):
        # The program was moved into a function; what awaits that function is not the program's.
        own = [frame for frame in own if frame.name != "<module>"]
    for frame in own:
        if frame.name == MAIN:
            frame.name = "<module>"
    return own[-_FRAMES:]


def _lines(error: BaseException, filename: str, earlier: Collection[str]) -> list[str]:
    if isinstance(error, SyntaxError) and error.filename == filename:
        return traceback.format_exception_only(error)
    frames = _own_frames(error.__traceback__, filename, earlier)
    if not frames:
        return []
    # A limit is no exception that the program knows, and a group's parts are in the message.
    own_words = isinstance(error, Exception) and not isinstance(error, BaseExceptionGroup)
    last = _last_line(error) if own_words else ""
    return ["Traceback (most recent call last):\n", *traceback.format_list(frames), last]


def _last_line(error: BaseException) -> str:
    try:
        return traceback.format_exception_only(error)[-1][:2_000]
    except MemoryError:
        return f"{type(error).__name__}: {_message(error)[:2_000]}\n"


def _line(error: BaseException, filename: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == filename:
        return error.lineno
    frames = _own_frames(error.__traceback__, filename)
    return frames[-1].lineno if frames else getattr(error, "line", None)


def _hint(error: BaseException, names: dict[str, Any]) -> str:
    text = _message(error)
    match error:
        case HostError():
            return error.hint
        case ValueTooLarge():
            return "return less: aggregate, filter, or save it and return its path; or raise run.result_bytes"
        case NeverAwaited():
            return f"tool functions are asynchronous: write `await {error.function}(...)`"
        case RecursionError():
            return "use a loop instead of recursion"
        case NameError() if suggestion := _similar(error.name, [*names, *dir(builtins)]):
            return f"did you mean {suggestion!r}?"
        case _ if "coroutine" in text:
            return "tool functions are asynchronous: write `await` before the call"
        case RuntimeError() if "asyncio.run()" in text or "loop is already running" in text:
            return "the program already runs in an event loop: write `await main()` at the top level"
        case OSError(errno=errno.ENOSPC):
            return "the disk of the workspace is full: that is for who runs this machine to mend"
        case PermissionError() if text == _CALLBACK:
            return "pass data to native code and not functions, or do it in Python"
        case PermissionError() | BlockingIOError():
            return _OUTSIDE
        case OSError() if type(error).__name__ in {"gaierror", "URLError"}:
            return _OUTSIDE  # names that cannot be looked up: a retry changes nothing
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
