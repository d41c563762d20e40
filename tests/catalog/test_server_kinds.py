"""Real servers: of other people over stdio, over HTTP, and of this process."""

from __future__ import annotations

from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.server import MCPServer, Server
from tests.patience import LONG
from tests.servers.catalogs import catalog, hostile, real
from tests.servers.hostile_http import hostile_http
from tests.servers.over_http import http_server
from tests.servers.real import REPOSITORY, serve_testkit

from underpass.catalog import Catalog, InMemoryUpstream, ToolDefinition, ToolOutcome
from underpass.errors import (
    ServerNotFound,
    ServerUnavailable,
    ToolError,
    ToolFailed,
    ToolLimitExceeded,
    ToolTimeout,
    ToolUnavailable,
)

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R01")]


async def test_real_servers_of_both_sdk_generations_are_listed_and_called() -> None:
    async with catalog(
        git=real("mcp-server-git", "--repository", str(REPOSITORY)),
        time=real("mcp-server-time"),
        kit=real("mcp-testkit"),
    ) as servers:
        listings = await servers.listings()
        counts = {
            name: len(listing.tools)
            for name, listing in listings.items()
            if not isinstance(listing, ServerUnavailable)
        }
        assert counts == {"git": 12, "time": 2, "kit": 65}
        log = await servers.call("git", "git_log", {"repo_path": str(REPOSITORY), "max_count": 1})
        assert "Commit: " in log.content[0]["text"]
        now = await servers.call("time", "get_current_time", {"timezone": "UTC"})
        assert now.structured["timezone"] == "UTC"
        total = await servers.call("kit", "math_add", {"a": 2, "b": 3})
        assert "5" in total.content[0]["text"]
        with_error = await servers.call("git", "git_log", {"repo_path": "/nowhere"})
        assert with_error.is_error
        states = {state.name: (state.state, state.tools) for state in servers.states()}
    assert states == {"git": ("started", 12), "time": ("started", 2), "kit": ("started", 65)}


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_server_over_http_is_listed_called_and_reports_progress(transport: str) -> None:
    seen: list[float] = []

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        seen.append(done)

    with http_server(transport) as url:
        entry = {"type": transport, "url": url, "headers": {"X-Token": "open sesame"}}
        async with catalog(h=entry) as servers:
            assert {tool.name for tool in (await servers.listing("h")).tools} >= {"add", "die"}
            assert (await servers.call("h", "add", {"a": 1, "b": 2})).structured == {"result": 3}
            # The server knows it, or it could not be taken out of its answer.
            assert (await servers.call("h", "token", {})).structured == {"result": "[secret X-Token]"}
            await servers.call("h", "steps", {"count": 2}, progress=progress)
            (state,) = servers.states()
    assert seen == [1.0, 2.0]
    assert (state.transport, state.state) == (transport, "started")


async def test_a_big_result_over_http_is_read_or_refused_by_the_limit() -> None:
    with http_server("http") as url:
        async with catalog(h={"url": url}) as servers:
            assert len((await servers.call("h", "big", {"megabytes": 8})).structured["result"]) == 8_000_000
        async with catalog(max_result_bytes=2_000_000, h={"url": url}) as servers:
            with pytest.raises(ToolLimitExceeded):
                await servers.call("h", "big", {"megabytes": 8})
            assert (await servers.call("h", "add", {"a": 1, "b": 2})).structured == {"result": 3}


async def test_an_http_server_that_dies_mid_call_fails_the_call_at_once() -> None:
    with http_server("http") as url:
        async with catalog(h={"url": url}) as servers:
            await servers.listing("h")
            with anyio.fail_after(LONG), pytest.raises(ToolUnavailable):
                await servers.call("h", "die", {})
            with anyio.fail_after(LONG), pytest.raises(ToolUnavailable):
                await servers.call("h", "add", {"a": 1, "b": 2})


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_an_http_server_that_is_not_there_is_unavailable(transport: str) -> None:
    entry = {"type": transport, "url": "http://127.0.0.1:9/mcp"}
    async with catalog(h=entry) as servers:
        with anyio.fail_after(LONG), pytest.raises(ServerUnavailable, match="could not be reached"):
            await servers.listing("h")


@pytest.mark.parametrize(
    ("tool", "kind", "message"),
    [
        ("accepted", ToolFailed, "202 Accepted"),
        ("failing", ToolFailed, "Server returned an error response"),
        ("html", ToolFailed, "Unexpected content type"),
        ("no_json", ToolFailed, "Failed to parse JSON"),
        ("cut_stream", ToolUnavailable, "closed the connection"),
    ],
)
async def test_an_http_answer_that_is_none_fails_the_call_alone(
    tool: str, kind: type[ToolError], message: str
) -> None:
    with hostile_http() as url:
        async with catalog(h={"url": url}) as servers:
            with anyio.fail_after(LONG), pytest.raises(kind, match=message):
                await servers.call("h", tool, {})
            assert (await servers.call("h", "well", {})).content[0]["text"] == "well"


async def test_a_session_that_an_http_server_forgot_is_begun_again() -> None:
    with hostile_http() as url:
        async with catalog(h={"url": url}) as servers:
            with pytest.raises(ToolUnavailable, match="has forgotten the session"):
                await servers.call("h", "forget", {})
            assert (await servers.call("h", "well", {})).content[0]["text"] == "well"


async def test_an_http_server_that_refuses_is_unavailable_with_its_status() -> None:
    with hostile_http(refuse=401) as url:
        async with catalog(h={"url": url}) as servers:
            with pytest.raises(ServerUnavailable, match=r"could not be reached: .*\(HTTP\) 401 Unauthorized"):
                await servers.listing("h")


async def test_a_server_of_the_first_sdk_generation_is_called_over_http() -> None:
    with serve_testkit() as url:
        async with catalog(kit={"url": url}) as servers:
            assert len((await servers.listing("kit")).tools) == 65
            assert "5" in (await servers.call("kit", "math_add", {"a": 2, "b": 3})).content[0]["text"]


async def test_a_server_object_of_this_process_is_used_directly() -> None:
    server = MCPServer("mine")

    @server.tool()
    def pair(a: int) -> list[int]:
        """Give a number twice."""
        return [a, a]

    async with catalog(mine=server) as servers:
        (tool,) = (await servers.listing("mine")).tools
        outcome = await servers.call("mine", "pair", {"a": 1})
        (state,) = servers.states()
    assert tool.description == "Give a number twice."
    assert tool.wraps_result
    assert outcome.structured == {"result": [1, 1]}
    assert (state.transport, state.state) == ("memory", "started")


async def test_an_upstream_object_is_used_directly_and_held_to_the_timeout() -> None:
    upstream = InMemoryUpstream("mine")

    async def wait(_: Any) -> ToolOutcome:
        await anyio.sleep_forever()
        raise AssertionError

    upstream.add(ToolDefinition("mine", "wait"), wait)
    async with Catalog({"mcpServers": {"mine": upstream}}) as servers:
        assert [state.state for state in servers.states()] == ["configured"]
        await servers.listing("mine")
        assert [state.state for state in servers.states()] == ["started"]
        with pytest.raises(ToolTimeout):
            await servers.call("mine", "wait", {}, timeout=0.01)


async def test_nothing_is_started_before_it_is_needed() -> None:
    async with catalog(h=hostile("exit-at-start"), off={"command": "x", "disabled": True}) as servers:
        assert servers.names == ("h",)
        assert [(state.name, state.state) for state in servers.states()] == [
            ("h", "configured"),
            ("off", "disabled"),
        ]


async def test_an_unknown_server_is_named_with_its_likely_spelling() -> None:
    async with catalog(weather=hostile()) as servers:
        for ask in (servers.listing("wether"), servers.call("wether", "x", {}), servers.listing("off")):
            with pytest.raises(ServerNotFound) as caught:
                await ask
    assert "weather" in caught.value.hint


async def test_a_catalog_must_be_entered() -> None:
    with pytest.raises(RuntimeError, match="async context manager"):
        await catalog(h=hostile()).listing("h")


async def test_a_result_that_breaks_the_output_schema_is_the_tools_failure_in_process() -> None:
    async def list_tools(_context: object, _params: object) -> types.ListToolsResult:
        schema = {"type": "object", "required": ["a"]}
        tool = types.Tool(name="wrong", input_schema={"type": "object"}, output_schema=schema)
        return types.ListToolsResult(tools=[tool])

    async def call_tool(_context: object, _params: object) -> types.CallToolResult:
        return types.CallToolResult(content=[], structured_content={"b": None})

    async with catalog(mine=Server("mine", on_list_tools=list_tools, on_call_tool=call_tool)) as servers:
        await servers.listing("mine")
        with pytest.raises(ToolFailed, match="gave no valid result"):
            await servers.call("mine", "wrong", {})
