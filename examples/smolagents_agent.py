"""A smolagents agent whose code runs in the sandbox. ``main`` takes any model of smolagents'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smolagents import CodeAgent  # pyright: ignore[reportMissingTypeStubs] - it has none
from smolagents.models import Model  # pyright: ignore[reportMissingTypeStubs]

from underpass.adapters.smolagents import AUTHORIZED_IMPORTS, INSTRUCTIONS, UnderpassExecutor


def main(model: Model, task: str, config: Path | dict[str, Any]) -> Any:
    """Carry out a task with the servers of ``config``."""
    with UnderpassExecutor.open(config) as executor:
        agent: Any = CodeAgent(
            tools=[],
            model=model,
            executor=executor,
            instructions=INSTRUCTIONS,
            additional_authorized_imports=list(AUTHORIZED_IMPORTS),
        )
        return agent.run(task)
