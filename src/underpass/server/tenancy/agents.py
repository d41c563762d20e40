"""A tenant's agents, as MCP has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from underpass.broker.approvals import Ask
from underpass.catalog.catalog import Catalog
from underpass.execution.host import OnProgress
from underpass.execution.result import RunResult
from underpass.server.problem import Refused
from underpass.server.tenancy.skills import TenantSkills
from underpass.server.tenancy.view import RunRequest, TenantView
from underpass.skills.search.hit import SkillHit
from underpass.skills.skill import Language, Scope, Skill

_AGENT: Final = "default"
_OPTIONS: Final = ("timeout", "max_tokens", "environment", "session", "check", "cache")


class TenantAgents:
    """What acts for the clients of one tenant. Their runs are on the desk, as all are.

    Parameters:
        view: the tenant's.
    """

    def __init__(self, view: TenantView) -> None:
        self._view = view

    @property
    def catalog(self) -> Catalog:
        """The servers, which all tenants have in common."""
        return self._view.up.catalog

    async def run(
        self,
        code: str,
        *,
        agent: str,
        on_progress: OnProgress | None,
        ask: Ask | None,
        language: str,
        **options: Any,
    ) -> RunResult:
        """Run a program for a client that waits for it. Raises as ``Underpass.run``."""
        chosen: dict[str, Any] = dict.fromkeys(_OPTIONS) | options
        chosen |= {"language": language, "rollback_on_error": False}
        attended = ask is not None
        request = RunRequest(code, agent, chosen, is_attended=attended, ask=ask, on_progress=on_progress)
        return await self._view.run_program(request)

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Call a tool. Raises ``ToolError``."""
        return await self._view.call_tool(server, tool, arguments, _AGENT)

    async def save_skill(
        self, run: str, name: str, *, description: str | None, scope: Scope, agent: str
    ) -> Skill:
        """Make a skill of a run of the tenant's. Raises ``UnderpassError``."""
        try:
            return await TenantSkills(self._view).save_run(run, name, description, scope, agent)
        except Refused as error:
            # MCP knows no status: what is wrong is said all the same.
            raise error.error from error

    async def search_skills(
        self, query: str, *, agent: str, limit: int, language: Language | None = None
    ) -> list[SkillHit]:
        """Return the skills that fit best, of those that the agent can import. Raises ``UnderpassError``."""
        inside = self._view.names.inside(agent)
        return await self._view.up.skills.search(query, inside, limit=limit, language=language)
