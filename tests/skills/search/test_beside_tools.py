from pathlib import Path

import pytest
from mcp.server import MCPServer
from tests.skills.mcp.servers import draft

from underpass import Underpass
from underpass.errors import ValidationFailed

pytestmark = [pytest.mark.requirement("R46"), pytest.mark.anyio]


async def test_tools_and_skills_are_searched_at_once_when_asked_for(tmp_path: Path) -> None:
    server = MCPServer("texts")

    @server.tool()
    def translate(text: str) -> str:
        """Translate the words of a text."""
        return text

    async with Underpass.open({"texts": server}, sandbox="none", home=tmp_path) as up:
        up.skills.library.save(draft(), "project", "default")
        hits = await up.search_tools("count words of a text", skills=True)
        assert [hit.name for hit in hits] == ["count-words", "translate"]
        hits = await up.search_tools("translate a text", skills=True, limit=1)
        assert [hit.name for hit in hits] == ["translate"]
        assert [hit.name for hit in await up.search_tools("count words of a text")] == ["translate"]
        with pytest.raises(ValidationFailed):
            await up.search_tools("count", skills=True, server="texts")  # pyright: ignore[reportCallIssue]
