"""A rehearsal with the sandboxes of an Underpass whose servers are functions of this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from tests.execution.conftest import echo, server

from underpass import Underpass
from underpass.catalog.upstream import InMemoryUpstream
from underpass.skills.rehearsal import SandboxRehearsal

Rehearsals = Callable[..., AbstractAsyncContextManager[SandboxRehearsal]]


@pytest.fixture
def rehearsals(tmp_path: Path) -> Rehearsals:
    """Opens a rehearsal with the servers given, or with one named ``demo``."""

    @asynccontextmanager
    async def opened(*servers: InMemoryUpstream) -> AsyncGenerator[SandboxRehearsal]:
        chosen = servers or (server("demo", echo=echo),)
        async with Underpass.open({each.name: each for each in chosen}, home=tmp_path) as up:
            yield up.skills.rehearsal

    return opened
