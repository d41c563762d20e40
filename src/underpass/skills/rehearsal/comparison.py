"""Two JSON values: whether they say the same, and where they first do not."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, cast

TOLERANCE: Final = 1e-9
"""By which two floating-point numbers may differ, relative to the larger one."""
_SHOWN: Final = 80
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOTHING: Final = object()


def difference(expected: Any, found: Any) -> str | None:
    """Return where two JSON values first differ, and how; None where they are equal.

    ``1`` and ``1.0`` are equal, as in JSON; ``1`` and ``true`` are not. The order of an object's members
    does not count.
    """
    pending: list[tuple[str, Any, Any]] = [("", expected, found)]
    while pending:
        path, one, other = pending.pop()
        if one is _NOTHING:
            return f"{_place(path)}: {_shown(other)} was not expected"
        if other is _NOTHING:
            return f"{_place(path)} is missing: {_shown(one)} was expected"
        if isinstance(one, dict) and isinstance(other, dict):
            before, after = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
            names = [*before, *(name for name in after if name not in before)]
            pending += (
                (_member(path, name), before.get(name, _NOTHING), after.get(name, _NOTHING))
                for name in reversed(names)
            )
        elif isinstance(one, list) and isinstance(other, list):
            entries, others = cast("list[Any]", one), cast("list[Any]", other)
            if len(entries) != len(others):
                return f"{_place(path)}: {len(others):,} entries, and {len(entries):,} were expected"
            pending += ((f"{path}[{at}]", entries[at], others[at]) for at in range(len(entries) - 1, -1, -1))
        elif not _is_same(cast("object", one), other):
            return f"{_place(path)}: {_shown(other)}, and {_shown(one)} was expected"
    return None


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) or isinstance(other, float):
        if not isinstance(one, int | float) or not isinstance(other, int | float):
            return False
        try:
            return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=0.0)
        except OverflowError:
            return False
    return type(one) is type(other) and one == other


def _member(path: str, name: str) -> str:
    if _PLAIN.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{json.dumps(name[:_SHOWN], ensure_ascii=False)}]"


def _place(path: str) -> str:
    return f"at {path}" if path else "the value"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
