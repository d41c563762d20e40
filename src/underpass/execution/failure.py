"""From how a run ended to the error that its caller sees."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from underpass.errors import UnderpassError, WorkspaceFull
from underpass.execution.result import RunError

FILE_SIZE = "FileSizeLimit"
_LIMITS = {
    "TimeLimit": ("Timeout", "timeout", "the run took longer than {} s"),
    "CpuLimit": ("LimitExceeded", "cpu_seconds", "the program used more than {} s of processor time"),
    "MemoryError": ("LimitExceeded", "memory_mb", "the program needed more than {} MB of memory"),
    FILE_SIZE: ("LimitExceeded", "file_mb", "a file would have grown beyond {} MB"),
    "OpenFilesLimit": ("LimitExceeded", "open_files", "the program had {} files open at once"),
    "ThreadMemory": (
        "LimitExceeded",
        "memory_mb",
        "the stacks of its threads needed more than {} MB of memory",
    ),
    "TmpLimit": ("LimitExceeded", "tmp_mb", "the folder /tmp is full, and it holds {} MB"),
}
_HINTS = {
    "TimeLimit": "do less in one run, call tools concurrently (asyncio.gather, Promise.all), or raise the "
    "timeout",
    "CpuLimit": "do less in one run, or raise the setting run.cpu_seconds",
    "MemoryError": "process the data in smaller pieces, or raise the setting run.memory_mb",
    FILE_SIZE: "write several files, or raise the setting run.file_mb",
    "OpenFilesLimit": "close files, best with `with open(...) as file` or `using`, or raise the setting "
    "run.open_files",
    "ThreadMemory": "use fewer threads, or smaller ones by threading.stack_size(65_536), or asyncio, or "
    "raise the setting run.memory_mb",
    "TmpLimit": "write to the workspace, which is the current folder, or raise the setting run.tmp_mb",
}
_NAMES = {"NeverAwaited": "CodeError", "Unclear": "CodeError", "ValueTooLarge": "ResultInvalid"}


def is_timeout(error: Mapping[str, Any] | None) -> bool:
    """Whether a guest says that its time was over."""
    return error is not None and error.get("type") == "TimeLimit"


def host_error(
    error: UnderpassError, calls_done: int, *, cpu_seconds: int | None = None, cpu_before: float = 0.0
) -> RunError:
    """Describe a run that we ended, or whose sandbox died.

    Parameters:
        error: why.
        calls_done: tool calls that had finished.
        cpu_seconds: the run's limit of processor time.
        cpu_before: what its process had used before the run.
    """
    used = error.data.get("cpu", 0.0) - cpu_before
    ended_by = error.data.get("signal")
    late = ended_by == signal.SIGKILL and cpu_seconds is not None and used >= cpu_seconds
    if cpu_seconds is not None and (late or ended_by == signal.SIGXCPU):
        # The program, or Deno, did not heed the signal that comes first.
        return guest_error({"type": "CpuLimit"}, calls_done, {"cpu_seconds": cpu_seconds})
    return RunError(error.type, error.message, error.hint, "", calls_done, error.data)


def guest_error(
    error: Mapping[str, Any], calls_done: int, limits: Mapping[str, Any], full: WorkspaceFull | None = None
) -> RunError:
    """Describe a program that failed.

    Parameters:
        error: the guest's account of it; every field may be anything.
        calls_done: tool calls that had finished.
        limits: the run's settings, by name.
        full: the quota's error, where the workspace is full or had no room for a file.
    """
    kind, message, hint, trace = (
        str(error.get(name) or "") for name in ("type", "message", "hint", "traceback")
    )
    data: dict[str, Any] = {"exception": kind, "line": error.get("line")}
    where = f" (it was at line {data['line']})" if data["line"] else ""
    if full is not None and kind in {FILE_SIZE, full.type}:
        data |= full.data
        return RunError(full.type, full.message + where, full.hint, trace, calls_done, data)
    if kind in _LIMITS:
        name, limit, text = _LIMITS[kind]
        data |= {"limit": limit, "setting": f"run.{limit}", "value": limits[limit]}
        message = text.format(f"{limits[limit]:g}") + where
        return RunError(name, message, _HINTS[kind], trace, calls_done, data)
    return RunError(_NAMES.get(kind, kind), message, hint, trace, calls_done, data)


def unexpressed(problems: list[tuple[str, str]], calls_done: int) -> RunError:
    """Describe a value with parts that JSON cannot express; it is given with those replaced."""
    shown = "; ".join(f"at {path}: {reason}" for path, reason in problems)
    return RunError(
        "ResultInvalid",
        f"the value cannot be expressed as JSON: {shown}",
        "the run itself went well, and the value is given with those parts replaced: do not run it again "
        "for that; return dicts, lists, strings and finite numbers",
        "",
        calls_done,
        {"path": problems[0][0]},
    )


def rolled_back(error: RunError, problem: str | None) -> RunError:
    """Say what became of the agent's files: ``problem`` is why they are not what they were."""
    said = "the workspace is as it was before the run"
    if problem is not None:
        said = f"the workspace could not be made what it was before the run: {problem}"
    hint = f"{error.hint}; {said}" if error.hint else said
    return replace(error, hint=hint, data={**error.data, "rolled_back": problem is None})


def session_lost(error: RunError, name: str) -> RunError:
    """Say that the session ended with the run."""
    said = f"the session {name!r} was lost: its variables are gone, and its next run starts anew"
    hint = f"{error.hint}; {said}" if error.hint else said
    return replace(error, hint=hint, data={**error.data, "session_lost": True})
