"""An event loop that can be made before a fork and used after it."""

# pyright: reportAttributeAccessIssue=false, reportUnknownMemberType=false
# The pipe by which threads wake a loop is made and closed in methods that typeshed does not list;
# they have been the same since Python 3.4.

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class GuestLoop(asyncio.SelectorEventLoop):
    """A loop that has no descriptor until it runs, so that children of one zygote share none.

    Making a loop touches much memory for the first time. Made in the zygote, that is done once.
    """

    _ssock: Any = None

    def __init__(self) -> None:
        # `poll` is a selector without a descriptor of its own.
        super().__init__(selectors.PollSelector())

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run ``main``, and then cancel the tasks that it left, as ``asyncio.run`` does."""
        super()._make_self_pipe()
        try:
            return self.run_until_complete(main)
        finally:
            if left := asyncio.all_tasks(self):
                for task in left:
                    task.cancel()
                self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._close_self_pipe()

    def _make_self_pipe(self) -> None:
        """Called when the loop is made; the pipe comes with ``run``."""

    def _close_self_pipe(self) -> None:
        if self._ssock is not None:
            super()._close_self_pipe()
