"""Times for tests of what happens when time is up, on a machine that may be slow."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

GROWING: Final = (0.5, 5.0, 50.0)
"""Seconds: the first is enough on a fast machine."""
LONG: Final = 300.0
"""Seconds. What never takes so long, on any machine, hangs."""

T = TypeVar("T")


async def in_time(attempt: Callable[[float], Awaitable[T]], got_there: Callable[[T], bool]) -> T:
    """Return what the first attempt came to that had time enough to get where its time is to be up.

    Parameters:
        attempt: is told its time in seconds.
        got_there: whether it had enough of it.
    """
    for seconds in GROWING[:-1]:
        result = await attempt(seconds)
        if got_there(result):
            return result
    return await attempt(GROWING[-1])
