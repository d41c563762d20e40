"""Running a command's async part."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import TypeVar

import anyio

T = TypeVar("T")


def run_async(main: Callable[[], Awaitable[T]]) -> T:
    """Run ``main`` to its end; SIGTERM ends it in the same orderly way as SIGINT.

    Raises:
        KeyboardInterrupt: on SIGINT, when everything that ``main`` had opened is closed.
        SystemExit: on SIGTERM, with status 143.
    """
    terminated = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal terminated
        terminated = True
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, interrupt)
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    if ignored:  # as in the background jobs of a script: SIGTERM must end those, too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return anyio.run(main)
    except KeyboardInterrupt:
        if terminated:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
