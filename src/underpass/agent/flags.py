"""What ``[agents.NAME]`` lets an agent do: which modes, and for which share of its commands."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from underpass.agent.mode import PastResults, choose, nothing_known
from underpass.agent.outcome import Mode
from underpass.catalog.definition import Listing
from underpass.config import AgentSettings
from underpass.errors import ServerUnavailable


async def choose_within(
    flags: AgentSettings,
    agent: str,
    command: str,
    listings: Mapping[str, Listing | ServerUnavailable],
    past: PastResults = nothing_known,
) -> tuple[Mode, str]:
    """Return the mode for a command, and why.

    Parameters:
        flags: the agent's.
        agent: its name.
        command: what is to be done.
        listings: the servers' tools.
        past: knows the results of earlier calls.
    """
    if not is_in_rollout(agent, command, flags.rollout):
        return "direct", f"programs are for {flags.rollout:g} % of the agent's commands, and not for this one"
    wanted, why = await choose(command, listings, past)
    if wanted in flags.modes:
        return wanted, why
    return flags.modes[0], f"{why}; but the agent's modes are {', '.join(flags.modes)}"


def is_in_rollout(agent: str, command: str, percentage: float) -> bool:
    """Whether a command is among the share of an agent's that get the new way.

    The same command of the same agent always is or is not, and stays in when the share grows.

    Parameters:
        agent: the agent's name.
        command: what is to be done.
        percentage: the share, 0 to 100.
    """
    digest = hashlib.sha256(f"{agent}\0{command}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * 100 < percentage
