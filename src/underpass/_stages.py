"""What every call goes through: the policy, personal data, the cache, and the trail of it all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from underpass._places import workspaces_of
from underpass.broker.approvals import Approvals
from underpass.broker.audit import AuditTrail, audit_key
from underpass.broker.cache.cache import ToolCache
from underpass.broker.cache.declared import Declarations
from underpass.broker.cache.store import ResultStore
from underpass.broker.call import Stages
from underpass.broker.flow import Flows
from underpass.broker.policy.book import RuleBook
from underpass.broker.policy.gate import OperatorPolicy
from underpass.catalog.catalog import Catalog
from underpass.catalog.identity import Identity
from underpass.config import SETTINGS_NAME, Settings
from underpass.discovery.directory import ToolDirectory
from underpass.execution.reuse import KeptRuns
from underpass.metrics.metering import Metering
from underpass.metrics.trail import CountedTrail
from underpass.skills.loading.programs import SkillPrograms

if TYPE_CHECKING:
    from underpass.broker.privacy.privacy import PersonalData


@dataclass(frozen=True, slots=True)
class OperatorStages:
    """The stages that an operator's settings ask for, and what else keeps to these settings."""

    stages: Stages
    approvals: Approvals
    kept_runs: KeptRuns
    audit: AuditTrail


async def stages_of(
    stack: AsyncExitStack,
    settings: Settings,
    state: Path,
    catalog: Catalog,
    directory: ToolDirectory,
    *,
    beside: Path,
    metering: Metering,
    skills: SkillPrograms,
) -> OperatorStages:
    """Open what the settings ask for.

    Parameters:
        stack: closes it.
        beside: the folder of ``underpass.toml``.
        metering: counts decisions, and calls from outside of runs.
        skills: the skills of all agents.

    Raises:
        ConfigError: a setting names a server or a file that there is not.
    """
    key = await anyio.to_thread.run_sync(audit_key, settings.audit.key, state)
    audit = await stack.enter_async_context(AuditTrail(state / "audit", settings.audit, key=key))
    trail = CountedTrail(audit, metering.instruments)
    book = RuleBook(settings.policy.rules, beside / SETTINGS_NAME)
    approvals = Approvals(state / "approvals", settings.policy, remember=book.remember)
    stack.callback(approvals.close)
    policy = OperatorPolicy.of(
        settings.policy,
        book,
        categories=directory.category,
        approvals=approvals,
        flows=_flows(settings, state, catalog),
        trail=trail,
    )
    kept = await stack.enter_async_context(ResultStore(state / "cache", settings.cache))
    privacy = _privacy(stack, settings, state, catalog)
    identity = _identities(catalog, privacy)
    cache = ToolCache(
        kept,
        Declarations(settings.cache, settings.policy.trusted),
        identity,
        is_used=settings.cache.is_used,
        timeout=settings.calls.timeout,
    )
    kept_runs = KeptRuns(
        kept,
        catalog,
        workspaces_of(state),
        skills=skills,
        identity=identity,
        settings=repr(settings),
        seconds=settings.cache.ttl_seconds,
        by_default=settings.cache.runs,
        isolated=settings.sandbox.tier != "none",
    )
    stages = Stages(policy=policy, privacy=privacy, cache=cache, trail=trail, spans=metering.spans)
    return OperatorStages(stages, approvals, kept_runs, audit)


def _flows(settings: Settings, state: Path, catalog: Catalog) -> Flows | None:
    """What follows private data; None where nothing is private."""
    if not settings.flow.private:
        return None
    return Flows(
        settings.flow,
        trusted=settings.policy.trusted,
        servers=catalog.names,
        state=state,
        workspaces=workspaces_of(state),
    )


def _privacy(stack: AsyncExitStack, settings: Settings, state: Path, catalog: Catalog) -> PersonalData | None:
    """What conceals personal data; None where nothing is to be concealed or restored."""
    if not settings.privacy.is_used:
        return None
    from underpass.broker.privacy.privacy import PersonalData

    servers = [server.name for server in catalog.states()]
    privacy = PersonalData(settings.privacy, state / "privacy", servers)
    catalog.mask = privacy.mask
    stack.callback(privacy.close)
    return privacy


def _identities(catalog: Catalog, privacy: PersonalData | None) -> Callable[[str], Identity | None]:
    """Which server answers, for what is kept of its answers: not what was kept before it was concealed."""
    if privacy is None:
        return catalog.identity

    def identity(server: str) -> Identity | None:
        found = catalog.identity(server)
        if found is None or not found.digest:
            return found
        return found._replace(digest=f"{found.digest} {privacy.digest}")

    return identity
