"""A rehearsal with the sandboxes of an Underpass whose servers are functions of this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tests.execution.conftest import echo, server

from underpass import Underpass
from underpass._places import typescript_place, workspaces_of
from underpass.catalog.upstream import InMemoryUpstream
from underpass.execution.language import Python
from underpass.execution.modules import GeneratedModules
from underpass.skills.loading.in_memory import SkillsInMemory
from underpass.skills.rehearsal import SandboxRehearsal
from underpass.workspace.quota import WorkspaceQuotas

Rehearsals = Callable[..., AbstractAsyncContextManager[SandboxRehearsal]]


@pytest.fixture
def rehearsals(tmp_path: Path) -> Rehearsals:
    """Opens a rehearsal with the servers given, or with one named ``demo``."""

    @asynccontextmanager
    async def opened(*servers: InMemoryUpstream) -> AsyncGenerator[SandboxRehearsal]:
        chosen = servers or (server("demo", echo=echo),)
        async with (
            Underpass.open({each.name: each for each in chosen}, home=tmp_path) as up,
            AsyncExitStack() as stack,
        ):
            modules = GeneratedModules(up.catalog)
            typescript = await typescript_place(stack, up.settings, up.state, up.catalog, up.shapes)
            quotas = WorkspaceQuotas(
                workspaces_of(up.state), up.settings.workspace, file_mb=up.settings.run.file_mb
            )
            yield SandboxRehearsal(
                lambda skills: [Python(up.sandbox, modules, skills), typescript],
                modules=modules,
                skills=SkillsInMemory(),
                source=up.catalog,
                workspaces=workspaces_of(up.state),
                quotas=await stack.enter_async_context(quotas),
                settings=up.settings.run,
            )

    return opened
