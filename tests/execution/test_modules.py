"""Generated modules as guests ask for them, who may ask for anything."""

import pytest
from tests.execution.conftest import echo, server

from underpass.catalog.catalog import Catalog
from underpass.errors import ServerNotFound, ToolNotFound, UnderpassError
from underpass.execution.modules import GeneratedModules
from underpass.execution.sessions.modules import ModulesOfSession
from underpass.guest.importer import MAGIC

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R26")]


async def test_a_guest_that_makes_versions_and_names_up_takes_no_memory() -> None:
    async with Catalog({"demo": server("demo", echo=echo)}) as catalog:
        modules = GeneratedModules(catalog)
        session = ModulesOfSession(modules)
        ours = await session.module("mcp_servers.demo", MAGIC)
        assert "code" in ours
        assert await session.module("mcp_servers.demo", MAGIC) is ours
        other = await session.module("mcp_servers.demo", "ff")
        for number in range(100):
            assert await session.module("mcp_servers.demo", f"{number:x}") is other
            for name in (f"x{number}.demo", f"mcp_servers.x{number}", f"mcp_servers.demo._x{number}"):
                with pytest.raises((ServerNotFound, ToolNotFound)):
                    await session.module(name, MAGIC)
        with pytest.raises(UnderpassError) as raised:
            await session.module("mcp_servers." + "x" * 1_000_000, MAGIC)
        assert len(str(raised.value.to_dict())) < 1_000
        assert await session.changed() == []
