"""The agent: a command becomes code, runs, and only the answer returns."""

from underpass.agent.agent import MODES, CodeAgent
from underpass.agent.outcome import AgentOutcome, AgentRun, AgentTokens, Mode

__all__ = ["MODES", "AgentOutcome", "AgentRun", "AgentTokens", "CodeAgent", "Mode"]
