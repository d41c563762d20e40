"""Counts how programs call skills, and tells the host."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from inspect import CO_COROUTINE
from typing import Any

from underpass.guest.channel import Channel

_EACH = 16
"""Calls of a run that the host is told of one by one: it then knows which was under way at its end."""


class Uses:
    """The outermost calls of skills; what a skill calls of itself or of others is its own affair."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._inside = ContextVar("inside", default=False)
        self._told = 0
        self._more: dict[str, list[float]] = {}
        """Of each skill that was called more often: calls that went well, others, milliseconds of all."""

    def counted(self, function: Any, key: str) -> Any:
        """Return a function that does the same and is counted, as the skill that the host calls ``key``."""
        code = getattr(function, "__code__", None)
        return self._wrapped(function, key) if code and code.co_flags & CO_COROUTINE else function

    def finish(self) -> None:
        """Tell the host of calls that it was not told of; the next program's are counted from the start."""
        for key, (ok, failed, milliseconds) in self._more.items():
            self._tell(key, 0, int(ok), int(failed), milliseconds)
        self._more.clear()
        self._told = 0

    def _wrapped(self, function: Callable[..., Any], key: str) -> Callable[..., Any]:
        @wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            # Wrong arguments are the caller's mistake, and no use of the skill.
            made = function(*args, **kwargs)
            if self._inside.get():
                return await made
            self._inside.set(True)
            is_told = self._told < _EACH
            self._told += 1
            if is_told:
                self._tell(key, 1)
            began, ok, failed = time.monotonic(), 0, 1
            try:
                value = await made
                ok, failed = 1, 0
            except (CancelledError, GeneratorExit):
                failed = 0
                raise
            else:
                return value
            finally:
                # No token: what is thrown away is closed in another context than it began in.
                self._inside.set(False)
                self._note(key, ok, failed, (time.monotonic() - began) * 1e3, is_told=is_told)

        return call

    def _note(self, key: str, ok: int, failed: int, milliseconds: float, *, is_told: bool) -> None:
        if is_told:
            self._tell(key, -1, ok, failed, milliseconds)
            return
        counted = self._more.setdefault(key, [0, 0, 0.0])
        counted[0] += ok
        counted[1] += failed
        counted[2] += milliseconds

    def _tell(
        self, key: str, under_way: int, ok: int = 0, failed: int = 0, milliseconds: float = 0.0
    ) -> None:
        self._channel.send(
            {
                "op": "use",
                "key": key,
                "under_way": under_way,
                "ok": ok,
                "failed": failed,
                "milliseconds": milliseconds,
            }
        )
