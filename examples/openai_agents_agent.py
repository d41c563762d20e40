"""An agent of OpenAI's SDK that writes programs: python examples/openai_agents_agent.py MODEL TASK."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
from agents import Agent, Model, RunConfig, Runner

from underpass import Underpass
from underpass.adapters.openai_agents import underpass_tools


async def main(model: str | Model, task: str, config: Path | dict[str, Any]) -> str:
    """Carry out a task with the servers of ``config``."""
    async with Underpass.open(config) as up:
        agent = Agent[None](name="programmer", model=model, tools=[*underpass_tools(up)])
        outcome = await Runner.run(agent, task, run_config=RunConfig(tracing_disabled=True))
        return str(outcome.final_output)


if __name__ == "__main__":
    print(anyio.run(main, sys.argv[1], sys.argv[2], Path(".mcp.json")))
