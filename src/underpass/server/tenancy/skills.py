"""Skills as one tenant sees them: those of its own agents, and those of the project and the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import anyio.to_thread

from underpass.errors import SkillRefused
from underpass.execution.result import RunResult
from underpass.server.tenancy.view import RunRequest, TenantView
from underpass.skills.search.hit import SkillHit
from underpass.skills.skill import Language, Scope, Skill, SkillEntry
from underpass.skills.skills import Shown, Verified, calling
from underpass.skills.usage import Figures


class TenantSkills:
    """What one tenant can do with skills. Agents have the tenant's own names.

    What is in the project's and the user's libraries is for all tenants: only the operator changes it.

    Parameters:
        view: what the tenant sees besides.
    """

    def __init__(self, view: TenantView) -> None:
        self._view = view
        self._skills = view.up.skills
        self._prefix = view.names.prefix

    async def find(
        self, query: str, agent: str, limit: int, language: Language | None
    ) -> list[tuple[SkillHit, Figures]]:
        """Return the skills that fit some words, the best first, or all by name, each with its figures."""
        inside = self._view.names.inside(agent)
        if query.strip():
            found = await self._skills.finder.search(
                query, inside, limit=limit, language=language, everything=True
            )
        else:
            every = await self._skills.list(inside)
            found = [hit for hit in every if language is None or hit.entry.language == language][:limit]
        figures = await anyio.to_thread.run_sync(partial(self._skills.usage.all, agents=self._prefix))
        return [(hit, figures.get(hit.entry.digest, Figures())) for hit in found]

    async def show(
        self, name: str, agent: str, version: str | None, scope: Scope | None, *, waiting: bool
    ) -> tuple[Shown, Figures]:
        """Return one skill, and its figures by the tenant's agents. Raises as ``Skills.show``."""
        inside = self._view.names.inside(agent)
        shown = await self._skills.show(name, inside, version, scope=scope, waiting=waiting)
        skill = shown.skill
        count = partial(self._skills.usage.of, skill.name, skill.digest, agents=self._prefix)
        return shown, await anyio.to_thread.run_sync(count)

    def whose(self, agent: str) -> str:
        """Return what the tenant calls an agent that stands in a skill; empty for one of another tenant."""
        return self._view.names.outside(agent) if self._view.names.owns(agent) else ""

    async def save(
        self, name: str, description: str, code: str, scope: Scope, agent: str, **more: Any
    ) -> Skill:
        """Save code as a skill. Raises as ``Skills.save``."""
        self._expect_own(scope, name)
        inside = self._view.names.inside(agent)
        return await self._skills.save(name, description, code, scope=scope, agent=inside, **more)

    async def save_run(self, run: str, name: str, description: str | None, scope: Scope, agent: str) -> Skill:
        """Make a skill of a run of the tenant's. Raises ``Refused``, and as ``Skills.save_run``."""
        self._expect_own(scope, name)
        await self._view.run(run)
        inside = self._view.names.inside(agent)
        return await self._skills.save_run(run, name, description=description, scope=scope, agent=inside)

    async def run(
        self, name: str, arguments: Mapping[str, Any], agent: str, version: str | None
    ) -> RunResult:
        """Call a skill in a run of its own. Raises as ``Skills.run``."""
        inside = self._view.names.inside(agent)
        skill = await anyio.to_thread.run_sync(self._skills.library.find, name, inside, version)
        options: dict[str, Any] = {
            "language": skill.draft.language, "environment": None, "timeout": None, "max_tokens": None,
            "check": None, "rollback_on_error": False, "session": None, "cache": None,
        }  # fmt: skip
        code = calling(skill, arguments, version)
        return await self._view.run_program(RunRequest(code, agent, options, is_attended=False))

    async def verify(self, name: str, agent: str) -> Verified:
        """Run the recorded cases of a skill. Raises as ``Skills.verify``."""
        return (await self._skills.verify(name, self._view.names.inside(agent)))[0]

    async def waiting(self, agent: str) -> Sequence[SkillEntry]:
        """Return the skills that a person should look at."""
        return await self._skills.review(self._view.names.inside(agent))

    async def candidates(self) -> Sequence[Any]:
        """Return the programs that may become skills: of all tenants, so the operator alone sees them."""
        return [] if self._prefix else await self._skills.candidates()

    async def decide(
        self, name: str, agent: str, scope: Scope, digest: str | None, *, approve: bool
    ) -> Skill:
        """Approve or refuse a skill that waits. Raises as ``Skills.approve``."""
        self._expect_own(scope, name)
        decide = self._skills.approve if approve else self._skills.refuse
        return await decide(name, scope, self._view.names.inside(agent), digest)

    async def archive(self, name: str, agent: str, scope: Scope, *, restore: bool) -> Skill:
        """Take a skill out of use, or bring it back. Raises as ``Skills.archive``."""
        self._expect_own(scope, name)
        return await self._skills.archive(name, scope, self._view.names.inside(agent), restore=restore)

    def _expect_own(self, scope: Scope, name: str) -> None:
        if self._prefix and scope != "agent":
            raise SkillRefused(
                f"the library of scope {scope!r} is for all tenants",
                hint="the operator can change it",
                skill=name,
            )
