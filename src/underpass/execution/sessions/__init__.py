"""Sessions: a sandbox that stays between the runs of one agent, with its variables, imports and functions."""

from underpass.execution.sessions.sessions import Sessions
from underpass.execution.sessions.turn import SessionInfo, Turn

__all__ = ["SessionInfo", "Sessions", "Turn"]
