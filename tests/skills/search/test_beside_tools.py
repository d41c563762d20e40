from pathlib import Path

import pytest
from mcp.server import MCPServer
from tests.skills.library.drafts import typescript_draft
from tests.skills.mcp.servers import draft

from underpass import Underpass
from underpass.errors import ValidationFailed

pytestmark = [pytest.mark.requirement("R46"), pytest.mark.anyio]


def texts() -> MCPServer:
    server = MCPServer("texts")

    @server.tool()
    def translate(text: str) -> str:
        """Translate the words of a text."""
        return text

    return server


async def test_tools_and_skills_are_searched_at_once_when_asked_for(tmp_path: Path) -> None:
    async with Underpass.open({"texts": texts()}, sandbox="none", home=tmp_path) as up:
        up.skills.library.save(draft(), "project", "default")
        hits = await up.search_tools("count words of a text", skills=True)
        assert [hit.name for hit in hits] == ["count-words", "translate"]
        hits = await up.search_tools("translate a text", skills=True, limit=1)
        assert [hit.name for hit in hits] == ["translate"]
        assert [hit.name for hit in await up.search_tools("count words of a text")] == ["translate"]
        with pytest.raises(ValidationFailed):
            await up.search_tools("count", skills=True, server="texts")  # pyright: ignore[reportCallIssue]


async def test_programs_find_both_in_one_ranking_and_only_skills_of_their_language(tmp_path: Path) -> None:
    code = """
from mcp_runtime import search_tools
hits = await search_tools("count words of a text", skills=True)
plain = await search_tools("count words of a text")
try:
    await search_tools(queries=["count"], skills=True)
except Exception as error:
    refused = str(error)
both = [hit.get("import", hit["name"]) for hit in hits]
{"both": both, "plain": [hit["name"] for hit in plain], "refused": refused}
"""
    async with Underpass.open({"texts": texts()}, home=tmp_path) as up:
        up.skills.library.save(draft(), "project", "default")
        up.skills.library.save(typescript_draft(name="tally-words", tools={}), "project", "default")
        result = await up.run(code)
        assert result.ok, result.error
        assert result.value["both"] == ["from skills import count_words", "translate"]
        assert result.value["plain"] == ["translate"]
        assert "one query and no filter" in result.value["refused"]


async def test_programs_in_typescript_find_both_as_well(tmp_path: Path) -> None:
    own = typescript_draft(name="tally-words", description="Tallies the words of a text.", tools={})
    code = """
import { searchTools } from "mcp-runtime";
const hits = await searchTools("tally words of a text", { skills: true });
return hits.map((hit) => "import" in hit ? hit.import : hit.name);
"""
    async with Underpass.open({"texts": texts()}, home=tmp_path) as up:
        up.skills.library.save(draft(), "project", "default")
        up.skills.library.save(own, "project", "default")
        result = await up.run(code, language="typescript")
        assert result.ok, result.error
        line = f'import {{ {own.entrypoint} }} from "skills/{own.name}";'
        assert result.value == [line, "translate"], "and no skill of the other language"
