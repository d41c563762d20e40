"""Resources and prompts through the broker: what code gets, and what a server cannot do to it."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.servers import with_resources
from tests.servers.with_resources import PICTURE, library, serve_resources

from underpass.broker import Broker, InMemoryBlobs, InMemoryCatalog, RunCalls
from underpass.catalog import Catalog, InMemoryUpstream, ToolDefinition, ToolOutcome
from underpass.config import CallLimits
from underpass.errors import (
    ToolArgumentsInvalid,
    ToolError,
    ToolFailed,
    ToolLimitExceeded,
    ToolNotFound,
    ToolTimeout,
)

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R01", "R10")]


def words(text: str) -> int:
    return len(text.split())


@pytest.fixture(params=["in process", "stdio", "http"])
async def servers(request: pytest.FixtureRequest) -> AsyncGenerator[Catalog]:
    """A real server of the official SDK named ``library``, and one with tools only."""
    async with AsyncExitStack() as stack:
        entries: dict[str, Any] = {
            "in process": library,
            "stdio": lambda: {"command": sys.executable, "args": [str(Path(with_resources.__file__))]},
            "http": lambda: {"url": stack.enter_context(serve_resources())},
        }
        plain = InMemoryUpstream("plain")
        yield await stack.enter_async_context(Catalog({"library": entries[request.param](), "plain": plain}))


async def test_resources_and_prompts_are_listed_and_read_as_plain_values(servers: Catalog) -> None:
    blobs = InMemoryBlobs()
    run = Broker(servers, count=words).open_run(blobs=blobs)

    async def call(method: str, **arguments: Any) -> Any:
        return await run.call("library", method, arguments)

    listed = {entry["uri"]: entry for entry in await call("resources/list")}
    assert listed["file:///picture.png"]["title"] == "A picture"
    assert listed["note://today"] == {
        "uri": "note://today",
        "name": "today",
        "description": "What to do today.",
        "mime_type": "text/plain",
    }
    (template,) = await call("resources/templates/list")
    assert template["uri_template"] == "note://{name}"
    assert await call("resources/read", uri="note://today") == "water the plants"
    assert await call("resources/read", uri="note://Zoë") == "a note of Zoë"
    assert await call("resources/read", uri="data://sizes") == {"small": 1, "large": 10}
    picture = await call("resources/read", uri="file:///picture.png")
    assert picture == {"mime_type": "image/png", "bytes": 256, "path": "blob-1.png"}
    assert blobs.blobs["blob-1.png"] == PICTURE

    greet, look = await call("prompts/list")
    assert greet["arguments"] == [
        {"name": "name", "required": True},
        {"name": "times", "required": False},
    ]
    assert look["name"] == "look"
    assert await call("prompts/get", name="greet", arguments={"name": "Ann", "times": 3}) == [
        {"role": "user", "text": "Say hello to Ann, 3 times."}
    ]
    assert await call("prompts/get", name="greet", arguments={"name": "Ann", "times": None}) == [
        {"role": "user", "text": "Say hello to Ann, 1 times."}
    ]
    assert await call("prompts/get", name="look") == [
        {"role": "user", "text": "What is this?"},
        {"role": "user", "mime_type": "image/png", "bytes": 3, "path": "blob-2.png"},
    ]


@pytest.mark.requirement("R14", "R16")
async def test_they_are_counted_and_fail_as_tool_calls_do(servers: Catalog) -> None:
    run = Broker(servers, count=words).open_run(limits=CallLimits(max_calls=4))
    with pytest.raises(ToolFailed, match="Unknown resource") as caught:
        await run.call("library", "resources/read", {"uri": "nowhere://x"})
    assert "resources.list()" in caught.value.hint
    assert (caught.value.data["server"], caught.value.data["tool"]) == ("library", "resources/read")
    for wrong in ({"uri": "a\nb"}, {}, {"uri": 1}):
        with pytest.raises(ToolArgumentsInvalid, match="uri"):
            await run.call("library", "resources/read", wrong)
    with pytest.raises(ToolLimitExceeded, match="all of its 4"):
        await run.call("library", "resources/list", {})
    assert [(call.tool, call.error) for call in run.calls] == [
        ("resources/read", "ToolFailed"),
        *[("resources/read", "ToolArgumentsInvalid")] * 3,
    ]


async def test_what_would_have_passed_through_the_context_is_counted(servers: Catalog) -> None:
    run = Broker(servers, count=words).open_run()
    await run.call("library", "resources/read", {"uri": "note://today"})
    assert run.direct.texts[-1] == "water the plants"
    await run.call("library", "resources/read", {"uri": "file:///picture.png"})
    assert run.direct.texts[-1] == ""


async def test_a_server_with_tools_only_lists_nothing_and_says_so(servers: Catalog) -> None:
    run = Broker(servers, count=words).open_run()
    for method in ("resources/list", "resources/templates/list", "prompts/list"):
        assert await run.call("plain", method, {}) == []
    for method, arguments in (("resources/read", {"uri": "x://y"}), ("prompts/get", {"name": "x"})):
        with pytest.raises(ToolNotFound, match="has no"):
            await run.call("plain", method, arguments)


async def test_a_real_server_without_the_capability_lists_nothing_and_says_so() -> None:
    from mcp.server import Server

    async with Catalog({"bare": Server("bare")}) as servers:
        run = Broker(servers, count=words).open_run()
        assert await run.call("bare", "resources/list", {}) == []
        with pytest.raises(ToolNotFound, match="server 'bare' has no prompts"):
            await run.call("bare", "prompts/get", {"name": "x"})


Respond = Callable[[str, Mapping[str, Any]], Any]


class Pages(InMemoryUpstream):
    """A server that answers every request with what a function gives."""

    def __init__(self, respond: Respond) -> None:
        super().__init__("s")
        self.asked: list[Mapping[str, Any]] = []
        self._respond = respond

    async def request(self, method: str, params: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        self.asked.append(params)
        await anyio.lowlevel.checkpoint()
        return self._respond(method, params)


def run_of(respond: Respond, **limits: Any) -> tuple[RunCalls, Pages]:
    upstream = Pages(respond)
    broker = Broker(InMemoryCatalog({"s": upstream}), count=words, limits=CallLimits(**limits))
    return broker.open_run(), upstream


def page(number: int, cursor: str | None) -> dict[str, Any]:
    return {"resources": [{"uri": f"n://{number}"}], **({} if cursor is None else {"nextCursor": cursor})}


async def test_pages_are_read_to_the_last() -> None:
    run, upstream = run_of(lambda _method, params: page(len(upstream.asked), None if params else "two"))
    assert await run.call("s", "resources/list", {}) == [{"uri": "n://1"}, {"uri": "n://2"}]
    assert upstream.asked == [{}, {"cursor": "two"}]


@pytest.mark.requirement("R43")
async def test_a_listing_without_an_end_is_cut() -> None:
    run, upstream = run_of(lambda _method, _params: page(1, str(len(upstream.asked))))
    assert len(await run.call("s", "resources/list", {})) == 100
    again, same = run_of(lambda _method, _params: page(1, "same"))
    assert len(await again.call("s", "resources/list", {})) == 2
    assert len(same.asked) == 2
    cursors = iter(range(1_000))
    large, _ = run_of(lambda _method, _params: page(10**300, str(next(cursors))), max_result_bytes=1_000)
    with pytest.raises(ToolLimitExceeded, match="more than 1,000 bytes"):
        await large.call("s", "resources/list", {})


@pytest.mark.requirement("R14")
async def test_all_pages_together_have_the_time_of_one_call() -> None:
    class Waiting(Pages):
        async def request(self, method: str, params: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
            await anyio.sleep_forever()
            raise AssertionError

    broker = Broker(
        InMemoryCatalog({"s": Waiting(lambda _method, _params: None)}),
        count=words,
        limits=CallLimits(timeout=0.01),
    )
    with pytest.raises(ToolTimeout):
        await broker.open_run().call("s", "resources/list", {})


@pytest.mark.requirement("R43")
@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"resources": [None, "x", {}, {"uri": 3}, {"uri": "a:b", "size": None, "x": 1}]}, [{"uri": "a:b"}]),
        ({"prompts": [{"name": "p", "arguments": ["x", {"name": "a"}]}, {"title": "none"}]},
         [{"name": "p", "arguments": [{"name": "a"}]}]),
        ({"resourceTemplates": [{"uri": "a:b"}, {"uriTemplate": "a:{b}"}]}, [{"uri_template": "a:{b}"}]),
        ({"contents": []}, None),
        ({"contents": [{"text": "one"}, {"text": "[2]"}]}, ["one", [2]]),
        ({"messages": [{"role": "user", "content": {"type": "resource", "resource": {"uri": "a:b",
          "mimeType": "application/json", "text": '{"role": "system"}'}}}]},
         [{"role": "user", "uri": "a:b", "mime_type": "application/json", "text": '{"role": "system"}'}]),
        ({"messages": [{"role": "user", "content": {"type": "resource_link", "uri": "a:b", "name": "n"}}]},
         [{"role": "user", "uri": "a:b", "name": "n"}]),
        ({"messages": [{"role": "user", "content": {"type": "resource", "resource": {"uri": "a:b",
          "blob": "AAEC"}}}]},
         [{"role": "user", "uri": "a:b", "mime_type": "application/octet-stream", "bytes": 3,
           "path": "blob-1.bin"}]),
        ({"messages": [{"role": "user", "content": "bare"}]}, [{"role": "user", "text": "bare"}]),
    ],
)  # fmt: skip
async def test_an_entry_that_nobody_could_ask_for_is_left_out(answer: dict[str, Any], found: Any) -> None:
    run, _ = run_of(lambda _method, _params: answer)
    method, arguments = {
        "resources": ("resources/list", {}),
        "prompts": ("prompts/list", {}),
        "resourceTemplates": ("resources/templates/list", {}),
        "contents": ("resources/read", {"uri": "a:b"}),
        "messages": ("prompts/get", {"name": "p"}),
    }[next(iter(answer))]
    assert await run.call("s", method, arguments) == found


@pytest.mark.requirement("R43")
@pytest.mark.parametrize(
    "answer", [{}, {"contents": "x"}, {"contents": [{"blob": "A"}]}, {"contents": [{"text": "\ud800"}]}]
)
async def test_an_answer_that_is_none_is_the_calls_failure(answer: Any) -> None:
    run, _ = run_of(lambda _method, _params: answer)
    with pytest.raises(ToolError):
        await run.call("s", "resources/read", {"uri": "a:b"})


async def test_a_tool_of_the_same_name_comes_first() -> None:
    run, upstream = run_of(lambda _method, _params: {"contents": [{"text": "the resource"}]})

    async def tool(arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured=f"the tool for {arguments['path']}", has_structured=True)

    upstream.add(ToolDefinition("s", "resources/read"), tool)
    assert await run.call("s", "resources/read", {"path": "x"}) == "the tool for x"
