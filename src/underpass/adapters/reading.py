"""What a model reads of a run, and of what went wrong."""

from __future__ import annotations

from typing import Any, Final

from underpass.errors import UnderpassError
from underpass.execution.result import RunError, RunResult
from underpass.execution.shape import compact

_CALLS_SHOWN: Final = 20


def result_text(result: RunResult) -> str:
    """Return a run as a model reads it: its value alone where there is nothing else to say."""
    shown: dict[str, Any] = {name: text for name in ("stdout", "stderr") if (text := getattr(result, name))}
    if result.error is None:
        if not shown and isinstance(result.value, str):
            return result.value
        return compact({"value": result.value, **shown} if shown else result.value)
    shown["error"] = result.error.to_dict()
    done = [f"{call.server}.{call.tool}" for call in result.tool_calls if call.ok]
    if done:
        more = len(done) - _CALLS_SHOWN
        shown["called before it failed"] = done[:_CALLS_SHOWN] + ([f"and {more} more"] if more > 0 else [])
    return compact(shown)


def error_text(error: UnderpassError) -> str:
    """Return an error as a model reads it."""
    return f"{error.type}: {error.message}" + (f"\n{error.hint}" if error.hint else "")


def run_error_text(error: RunError) -> str:
    """Return why a program failed, where only a text may tell it."""
    where = f"\n{error.traceback.rstrip()}" if error.traceback else ""
    done = f"\n{error.tool_calls_done} tool calls had finished before" if error.tool_calls_done else ""
    return f"{error.type}: {error.message}{where}{f'{chr(10)}hint: {error.hint}' if error.hint else ''}{done}"
