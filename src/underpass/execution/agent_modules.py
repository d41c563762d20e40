"""All modules that the host serves to the guests of one agent."""

from __future__ import annotations

from typing import Any

from underpass.execution.modules import GeneratedModules
from underpass.skills.loading.python import PythonSkills
from underpass.skills.loading.references import PACKAGE


class AgentModules:
    """The package ``mcp_servers``, which is the same for all, and ``skills``, which is the agent's.

    Parameters:
        modules: the servers' modules.
        skills: the skills of all agents.
        agent: whose guests ask.
    """

    def __init__(self, modules: GeneratedModules, skills: PythonSkills, agent: str) -> None:
        self._modules = modules
        self._skills = skills
        self._agent = agent

    async def module(self, name: str, magic: str) -> Any:
        """Return what a guest needs to load ``name``. Raises as ``GeneratedModules`` and ``PythonSkills``."""
        if name.partition(".")[0] == PACKAGE:
            return await self._skills.module(name, magic, self._agent)
        return await self._modules.module(name, magic)
