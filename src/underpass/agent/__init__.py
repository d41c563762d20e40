"""The agent: a command becomes code, runs, and only the answer returns.

Importing this package imports nothing else: settings are read, and programs found in texts, without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from underpass.agent.agent import MODES, CodeAgent
    from underpass.agent.events import (
        AgentEvent,
        CallBegan,
        CallEnded,
        FellBack,
        OnEvent,
        RunBegan,
        RunEnded,
        Waits,
        Wrote,
    )
    from underpass.agent.outcome import AgentOutcome, AgentRun, AgentTokens, Mode
    from underpass.agent.program_text import ProgramText, find_program

_HOMES = {
    "underpass.agent.agent": ("MODES", "CodeAgent"),
    "underpass.agent.events": (
        *("AgentEvent", "CallBegan", "CallEnded", "FellBack", "OnEvent", "RunBegan", "RunEnded"),
        *("Waits", "Wrote"),
    ),
    "underpass.agent.outcome": ("AgentOutcome", "AgentRun", "AgentTokens", "Mode"),
    "underpass.agent.program_text": ("ProgramText", "find_program"),
}

__all__ = [
    "MODES",
    "AgentEvent",
    "AgentOutcome",
    "AgentRun",
    "AgentTokens",
    "CallBegan",
    "CallEnded",
    "CodeAgent",
    "FellBack",
    "Mode",
    "OnEvent",
    "ProgramText",
    "RunBegan",
    "RunEnded",
    "Waits",
    "Wrote",
    "find_program",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'underpass.agent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
