"""What is known of a tool's results before it is called again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread

if TYPE_CHECKING:
    from underpass.agent.backend import Backend


async def past_results(up: Backend, command: str) -> tuple[str, float] | None:
    """Return the tool that fits a command best, and the tokens of its results so far, on average.

    None where no tool fits, or too few of its calls were seen (see ``Statistics.result_tokens``).
    """
    hits = await up.directory.search(command, limit=1)
    if not hits:
        return None
    tool = hits[0].tool
    try:
        tokens = await anyio.to_thread.run_sync(up.statistics.result_tokens, tool.server, tool.name)
    except OSError:
        # Statistics that cannot be read decide nothing.
        return None
    return None if tokens is None else (tool.id, tokens)
