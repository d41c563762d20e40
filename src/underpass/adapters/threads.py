"""The way from code that waits, in a thread of its own, to the event loop where Underpass is open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio.from_thread
from anyio.lowlevel import EventLoopToken, current_token

from underpass.errors import ConfigError

P = ParamSpec("P")
T = TypeVar("T")


class FromThreads:
    """Runs coroutines of one event loop for threads. Made where that loop runs."""

    def __init__(self) -> None:
        self._token = _running()

    def run(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call an asynchronous function in the loop, and wait for what it returns.

        Raises:
            ConfigError: nobody could ever answer: this is the loop's own thread, or there is no loop.
        """
        if self._token is None:
            raise ConfigError(
                "nothing runs in an event loop here",
                hint="make the tool where `async with Underpass.open` is",
            )
        if _running() == self._token:
            raise ConfigError(
                "the event loop would wait for itself",
                hint="await it; or call it in a thread: await anyio.to_thread.run_sync(...)",
            )

        async def work() -> T:
            return await function(*args, **kwargs)

        return anyio.from_thread.run(partial(work), token=self._token)


def _running() -> EventLoopToken | None:
    try:
        return current_token()
    except RuntimeError:
        return None
