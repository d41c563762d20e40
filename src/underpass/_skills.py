"""Skills: their parts, put together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from underpass._places import workspaces_of
from underpass.catalog.redaction import known_secrets
from underpass.discovery.embeddings import Embeddings
from underpass.execution.language import Language, Python
from underpass.execution.modules import GeneratedModules
from underpass.execution.typescript import TypeScript
from underpass.skills.drift import DriftAdmission
from underpass.skills.drift.news import NewsOfTools
from underpass.skills.library.library import SkillLibrary
from underpass.skills.loading.python import PythonSkills
from underpass.skills.promotion.promotion import Promotion
from underpass.skills.rehearsal import SandboxRehearsal
from underpass.skills.search.search import SkillSearch
from underpass.skills.skills import Parts, Skills
from underpass.skills.usage import SkillUsage
from underpass.workspace.quota import WorkspaceQuotas

if TYPE_CHECKING:
    from underpass._underpass import Underpass


async def skills_of(
    stack: AsyncExitStack,
    up: Underpass,
    library: SkillLibrary,
    *,
    typescript: TypeScript,
    quotas: WorkspaceQuotas,
    embeddings: Embeddings | None,
) -> Skills:
    """Open what is done with skills, and have programs get it.

    Parameters:
        stack: closes it.
        up: what else there is.
        library: where skills are kept.
        typescript: programs in TypeScript.
        quotas: of the agents' files.
        embeddings: searches by meaning as well.
    """
    modules = GeneratedModules(up.catalog)

    def languages(skills: PythonSkills) -> Sequence[Language]:
        return [Python(up.sandbox, modules, skills), typescript.with_skills(skills.programs)]

    folder = up.state / "skills"
    usage = await stack.enter_async_context(SkillUsage(folder))
    rehearsal = SandboxRehearsal(
        languages,
        modules=modules,
        skills=library,
        source=up.catalog,
        workspaces=workspaces_of(up.state),
        quotas=quotas,
        settings=up.settings.run,
    )
    admission = DriftAdmission(up.catalog, rehearsal, folder)
    stack.callback(admission.close)
    up.catalog.on_news = NewsOfTools(library)
    promotion = Promotion(
        up.state,
        up.settings.skills,
        store=library,
        rehearsal=rehearsal,
        agents=up.settings.agents,
        flush=up.journal.write,
        secrets=known_secrets,
    )
    await stack.enter_async_context(promotion)
    search = SkillSearch(
        library,
        servers=lambda: up.catalog.names,
        figures=usage,
        embeddings=embeddings,
        catalog_tokens=up.settings.skills.catalog_tokens,
    )
    skills = Skills(
        Parts(library, search, usage, rehearsal, admission, promotion),
        catalog=up.catalog,
        directory=up.directory,
        journal=up.journal,
        run=up.run,
        state=up.state,
    )
    up.skill_programs.admission = admission
    up.skill_programs.uses = usage
    up.skill_programs.questions = skills
    return skills
