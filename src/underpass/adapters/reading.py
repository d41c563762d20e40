"""What a model reads of a run, and of what went wrong."""

from __future__ import annotations

from typing import Any, Final

from underpass.errors import UnderpassError
from underpass.execution.result import RunResult
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
