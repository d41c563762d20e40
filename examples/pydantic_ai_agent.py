"""An agent of Pydantic AI that writes programs: python examples/pydantic_ai_agent.py MODEL TASK."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
from pydantic_ai import Agent
from pydantic_ai.models import Model

from underpass import Underpass
from underpass.adapters.pydantic_ai import UnderpassToolset


async def main(model: str | Model, task: str, config: Path | dict[str, Any]) -> str:
    """Carry out a task with the servers of ``config``."""
    async with Underpass.open(config) as up:
        agent = Agent(model, toolsets=[UnderpassToolset(up)])
        return (await agent.run(task)).output


if __name__ == "__main__":
    print(anyio.run(main, sys.argv[1], sys.argv[2], Path(".mcp.json")))
