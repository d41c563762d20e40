"""What a client's model reads about tools is counted as spent."""

import anyio.to_thread
import pytest
from mcp import Client
from mcp_types import TextContent
from tests.metrics.conftest import Open

from underpass.metrics import tokens
from underpass.server.facade import facade

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R33")]


async def test_answers_of_searches_and_documentation_are_prompts(opened: Open) -> None:
    async with opened() as up:
        server = facade(up, told=lambda _context, what, text: up.metering.prompt("default", what, text))
        async with Client(server) as client:
            read = [
                await client.call_tool("search_tools", {"query": "words"}),
                await client.call_tool("get_tool_documentation", {"names": ["demo.words"]}),
                await client.call_tool("search_tools", {"category": "no such"}),
            ]
            ran = await client.call_tool("run_code", {"code": "6 * 7"})
        found = await anyio.to_thread.run_sync(up.statistics.summary)
    assert not ran.is_error
    texts = [part.text for answer in read for part in answer.content if isinstance(part, TextContent)]
    assert found.tokens.prompts == sum(map(tokens.count, texts)) > 0
    assert found.tokens.code == tokens.count("6 * 7")
