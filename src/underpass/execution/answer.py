"""Bounds one run's answer to its tokens, and keeps whole what is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from underpass.execution.result import RunError
from underpass.execution.shape import Count, bound_text, compact, shape_of

Keep = Callable[[str, bytes], str | None]
"""Writes a file of the run; takes its ending and content, returns its path in the workspace, or None
where the program left no place for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What returns to a model, within its bound."""

    value: Any
    stdout: str
    stderr: str
    error: RunError | None
    truncated: bool
    handle: str | None

    @property
    def text(self) -> str:
        """What a model reads of it: the tokens of an answer are counted on this."""
        shown = [] if self.value is None else [compact(self.value)]
        if self.error is not None:
            shown.append(compact(self.error.to_dict()))
        return "\n".join([*shown, *filter(None, (self.stdout, self.stderr))])


def bounded(
    value: Any,
    output: tuple[str, str],
    error: RunError | None,
    *,
    max_tokens: int,
    count: Count,
    keep: Keep,
    load: str = "await load_result({})",
) -> Answer:
    """Fit value, printed output and error into ``max_tokens`` together.

    The error comes first, with at most half; then the value, whole or as its shape; what is left
    is for what was printed, which is at least an eighth.
    """
    stdout, stderr = output
    answer = Answer(value, stdout, stderr, error, truncated=False, handle=None)
    text = compact(value)
    rest = "".join((stdout, stderr, "" if error is None else compact(error.to_dict())))
    # A token has at least one byte of text, so short answers need not be counted.
    if len(text.encode()) + len(rest.encode()) <= max_tokens:
        return answer
    left = max_tokens
    if error is not None:
        error = _bounded_error(error, max_tokens // 2, count)
        left -= count(compact(error.to_dict()))
    printed = count(stdout) + count(stderr)
    for_value = left - min(printed, max(max_tokens // 8, 1))
    handle: str | None = None
    truncated = count(text) > for_value
    if truncated:
        handle = keep(".json", text.encode())
        frame = {"truncated": True, "shape": None, "whole": handle}
        if handle is not None:
            frame["load"] = load.format(repr(handle))
        room = max(for_value - count(compact(frame)), 8)
        value = {**frame, "shape": shape_of(value, room, count)}
        if count(compact(value)) > for_value:
            value = {"truncated": True, "whole": handle}
    left -= count(compact(value))
    if printed > left:
        kept = keep(".txt", (stdout + stderr).encode())
        whole = f" (whole in {kept})" if kept is not None else ""
        share = max(left, 0) * count(stderr) // (2 * max(printed, 1)) if stderr else 0
        stderr = bound_text(stderr, share, count, whole=whole)
        stdout = bound_text(stdout, max(left - count(stderr), 0), count, whole=whole)
    return Answer(value, stdout, stderr, error, truncated=truncated, handle=handle)


def _bounded_error(error: RunError, budget: int, count: Count) -> RunError:
    if count(compact(error.to_dict())) <= budget:
        return error
    for share in (budget // 3, budget // 6, budget // 12, 0):
        cut = replace(
            error,
            type=error.type[:80],
            message=bound_text(error.message, share, count),
            hint=bound_text(error.hint, share // 2, count),
            traceback=bound_text(error.traceback, share, count),
        )
        if count(compact(cut.to_dict())) <= budget:
            return cut
    return replace(error, type=error.type[:80], message="", hint="", traceback="")
