from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import anyio
import pytest
from tests.servers.catalogs import catalog, hostile, real
from tests.servers.real import REPOSITORY

from underpass.broker import Broker, CallLimits, InMemoryCatalog, RunCalls
from underpass.broker.direct import HELD_CHARACTERS, DirectTexts
from underpass.catalog import InMemoryUpstream, Progress, ToolDefinition, ToolOutcome, Upstream
from underpass.errors import (
    ToolArgumentsInvalid,
    ToolError,
    ToolFailed,
    ToolLimitExceeded,
    ToolNotFound,
    ToolTimeout,
    ToolUnavailable,
)

pytestmark = pytest.mark.anyio

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "repo_path": {"type": "string"},
        "max_count": {"type": "integer", "default": 10},
        "order": {"enum": ["new", "old"]},
        "since": {"anyOf": [{"type": "string"}, {"type": "null"}, True]},
        "paths": {
            "type": ["array", "null"],
            "items": {"type": "object", "properties": {"p": {"type": "string"}}},
        },
        "any": True,
    },
    "required": ["repo_path"],
}


def words(text: str) -> int:
    return len(text.split())


async def echo(arguments: Mapping[str, Any]) -> ToolOutcome:
    return ToolOutcome(structured=dict(arguments), has_structured=True)


def run_of(*tools: tuple[ToolDefinition, Any], limits: CallLimits | None = None) -> RunCalls:
    upstream = InMemoryUpstream("git")
    for definition, handler in tools:
        upstream.add(definition, handler)
    return Broker(InMemoryCatalog({"git": upstream}), count=words, limits=limits).open_run()


def log(schema: Any = SCHEMA, **limits: Any) -> RunCalls:
    return run_of((ToolDefinition("git", "log", input_schema=schema), echo), limits=CallLimits(**limits))


async def refused(schema: Any, arguments: dict[str, Any]) -> ToolArgumentsInvalid:
    with pytest.raises(ToolArgumentsInvalid) as caught:
        await log(schema).call("git", "log", arguments)
    return caught.value


async def test_a_call_returns_its_value_and_is_recorded() -> None:
    run = log()
    assert await run.call("git", "log", {"repo_path": "."}) == {"repo_path": "."}
    (call,) = run.calls
    assert (call.server, call.tool, call.ok, call.error) == ("git", "log", True, None)
    assert (call.bytes_in, call.bytes_out) == (17, 17)
    assert call.duration_ms > 0


@pytest.mark.requirement("R16")
@pytest.mark.parametrize(
    ("server", "tool", "hint"), [("gti", "log", "there are: git"), ("git", "lg", "did you mean 'log'?")]
)
async def test_an_unknown_name_is_answered_with_its_likely_spelling(
    server: str, tool: str, hint: str
) -> None:
    run = log()
    with pytest.raises(ToolNotFound) as caught:
        await run.call(server, tool, {})
    assert caught.value.hint in {hint, "did you mean 'git'?"}
    assert [call.error for call in run.calls] == ["ToolNotFound"]


@pytest.mark.requirement("R16")
@pytest.mark.parametrize(
    ("arguments", "parameter", "message"),
    [
        ({}, "repo_path", "'repo_path' is missing"),
        ({"repo_path": 5}, "repo_path", "'repo_path': 5 is not of type \"string\""),
        ({"repo_path": "", "order": "up"}, "order", "'order': \"up\" is not one of"),
        ({"repo_path": "", "paths": [{"p": 1}]}, "paths[0].p", "'paths[0].p': 1 is not of type"),
        ({"repo_path": "", "maxcount": 1}, "maxcount", "there is no parameter 'maxcount'"),
        ({"repo_path": "x" * 9000, "max_count": "y" * 9000}, "max_count", " … "),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_wrong_arguments_are_refused_before_the_server_sees_them(
    arguments: dict[str, Any], parameter: str, message: str
) -> None:
    error = await refused(SCHEMA, arguments)
    assert message in error.message
    assert error.message.startswith("git.log: ")
    assert len(error.message) < 400
    assert error.data["parameter"] == parameter
    assert error.data["parameters"] == list(SCHEMA["properties"])
    assert error.hint.endswith(
        'parameters: repo_path: string, max_count: integer = 10, order: "new" | "old" (optional), '
        "since: string | null (optional), paths: array | null (optional), any: any (optional)"
    )
    assert ("did you mean 'max_count' for 'maxcount'?" in error.hint) == (parameter == "maxcount")


async def test_several_errors_are_told_at_once_but_not_a_hundred() -> None:
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(100)}}
    error = await refused(schema, {f"p{n}": n for n in range(100)})
    assert error.message.count("is not of type") == 5
    assert "and 70 more" in error.hint


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        True,
        {"type": "object", "properties": {"a": True}, "additionalProperties": True},
        {"type": "object", "properties": {"a": True}, "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": True}, "patternProperties": {"^x": True}},
        {"type": "object", "properties": {"a": True}, "allOf": [{"properties": {"x": True}}]},
    ],
    ids=str,
)
async def test_an_unlisted_parameter_passes_where_the_schema_leaves_room(schema: Any) -> None:
    assert await log(schema).call("git", "log", {"x": 1}) == {"x": 1}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "additionalProperties": False},
        {"type": "object", "properties": {"a": True}, "additionalProperties": False},
    ],
    ids=str,
)
async def test_an_unlisted_parameter_is_refused_where_a_server_would_ignore_it(schema: Any) -> None:
    error = await refused(schema, {"x": 1})
    assert "there is no parameter 'x'" in error.message


async def test_a_schema_elsewhere_is_never_fetched_and_only_its_part_is_not_validated() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "https://schemas.example/a.json"}, "b": {"type": "integer"}},
    }
    run = log(schema)
    assert await run.call("git", "log", {"a": [1], "b": 1}) == {"a": [1], "b": 1}
    assert (await refused(schema, {"b": "x"})).data["parameter"] == "b"


async def test_a_schema_that_cannot_be_compiled_validates_nothing_and_is_a_finding() -> None:
    upstream = InMemoryUpstream("git")
    upstream.add(ToolDefinition("git", "log", input_schema={"type": "object", "$ref": "#/nowhere"}), echo)
    broker = Broker(InMemoryCatalog({"git": upstream}), count=words)
    run = broker.open_run()
    for _ in range(2):
        assert await run.call("git", "log", {"x": 1}) == {"x": 1}
    (finding,) = broker.findings
    assert (finding.tool, finding.action) == ("log", "repaired")
    assert "cannot be compiled" in finding.reason


async def test_a_pattern_that_takes_too_long_is_left_to_the_server() -> None:
    schema = {"type": "object", "properties": {"a": {"pattern": "^(a|a)*?(?!b)c$"}, "b": {"type": "null"}}}
    slow = {"a": "a" * 40 + "b"}
    assert await log(schema).call("git", "log", slow) == slow
    assert (await refused(schema, {**slow, "b": 1})).data["parameter"] == "b"


async def test_arguments_that_are_no_json_are_refused() -> None:
    error = await refused({"type": "object"}, {"a": {1, 2}})
    assert "cannot be written as JSON" in error.message


@pytest.mark.requirement("R14")
async def test_a_run_makes_no_more_calls_than_it_may() -> None:
    run = log(max_calls=2)
    for _ in range(2):
        await run.call("git", "log", {"repo_path": "."})
    with pytest.raises(ToolLimitExceeded, match="all of its 2 tool calls"):
        await run.call("git", "log", {"repo_path": "."})
    with pytest.raises(ToolLimitExceeded, match="all of its 2 tool calls") as caught:
        await run.call("git", "log", {"repo_path": "."})
    assert (caught.value.data["limit"], caught.value.data["value"]) == ("max_calls", 2)
    assert caught.value.data["setting"] == "calls.max_calls"
    assert "calls.max_calls" in caught.value.hint
    assert len(run.calls) == 2


@pytest.mark.requirement("R14")
async def test_calls_beyond_the_concurrency_wait_and_do_not_fail() -> None:
    flying, most = 0, 0
    gate = anyio.Event()

    async def slow(_: Mapping[str, Any]) -> ToolOutcome:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await gate.wait()
        flying -= 1
        return ToolOutcome()

    run = run_of((ToolDefinition("git", "slow"), slow), limits=CallLimits(concurrency=3))
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(run.call, "git", "slow", dict[str, Any]())
        await anyio.wait_all_tasks_blocked()
        assert flying == 3
        gate.set()
    assert most == 3
    assert len(run.calls) == 10


@pytest.mark.requirement("R14")
async def test_arguments_and_results_are_bounded_in_bytes() -> None:
    async def grow(arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(content=[{"type": "text", "text": "x" * arguments["n"]}])

    limits = CallLimits(max_argument_bytes=20, max_result_bytes=50)
    run = run_of((ToolDefinition("git", "grow"), grow), limits=limits)
    assert len(await run.call("git", "grow", {"n": 48})) == 48
    with pytest.raises(ToolLimitExceeded, match="the result is over 50 bytes"):
        await run.call("git", "grow", {"n": 49})
    with pytest.raises(ToolLimitExceeded, match="the arguments are over 20 bytes") as caught:
        await run.call("git", "grow", {"n": 1, "pad": "x" * 20})
    assert caught.value.data["setting"] == "calls.max_argument_bytes"
    assert [call.error for call in run.calls] == [None, "ToolLimitExceeded", "ToolLimitExceeded"]


@pytest.mark.requirement("R14")
async def test_a_call_is_given_up_at_its_timeout() -> None:
    async def hang(_: Mapping[str, Any]) -> ToolOutcome:
        await anyio.sleep_forever()
        raise AssertionError

    run = run_of((ToolDefinition("git", "hang"), hang), limits=CallLimits(timeout=0.01))
    with pytest.raises(ToolTimeout) as caught:
        await run.call("git", "hang", {})
    assert (caught.value.data["timeout"], caught.value.data["setting"]) == (0.01, "calls.timeout")


async def test_a_cancelled_call_is_recorded_as_such() -> None:
    async def hang(_: Mapping[str, Any]) -> ToolOutcome:
        await anyio.sleep_forever()
        raise AssertionError

    run = run_of((ToolDefinition("git", "hang"), hang))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.call, "git", "hang", dict[str, Any]())
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert [call.error for call in run.calls] == ["Cancelled"]


async def test_whatever_a_users_own_upstream_raises_is_a_tool_error() -> None:
    async def wrong(_: Mapping[str, Any]) -> ToolOutcome:
        raise KeyError("city")

    with pytest.raises(ToolFailed, match="KeyError: 'city'"):
        await run_of((ToolDefinition("git", "wrong"), wrong)).call("git", "wrong", {})


class Shifting:
    """A source whose tools change: each listing is another."""

    def __init__(self) -> None:
        self.upstream: Upstream = InMemoryUpstream("s")

    async def ready(self, server: str) -> Any:
        return await self.upstream.list_tools()

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any], **_: Any) -> ToolOutcome:
        return await echo(arguments)

    async def request(self, server: str, method: str, params: Mapping[str, Any], **_: Any) -> Any:
        return {}


async def test_a_changed_listing_is_used_at_once() -> None:
    source = Shifting()
    broker = Broker(source, count=words)
    for name in ("a", "b"):
        source.upstream = upstream = InMemoryUpstream("s")
        upstream.add(ToolDefinition("s", name), echo)
        assert await broker.open_run().call("s", name, {"x": 1}) == {"x": 1}
    with pytest.raises(ToolNotFound):
        await broker.open_run().call("s", "a", {})


@pytest.mark.requirement("R33")
async def test_what_direct_calls_would_have_cost_is_kept_as_the_protocol_gave_it() -> None:
    async def texts_of(outcome: ToolOutcome) -> str:
        upstream = InMemoryUpstream("s")

        async def give(_: Mapping[str, Any]) -> ToolOutcome:
            return outcome

        upstream.add(ToolDefinition("s", "t"), give)
        run = Broker(InMemoryCatalog({"s": upstream}), count=words).open_run()
        with suppress(ToolError):
            await run.call("s", "t", {"a": "ü"})
        called, result = run.direct.texts
        assert called == '{"name":"t","arguments":{"a":"ü"}}'
        assert run.direct.tokens() == words(called) + words(result) == run.direct.tokens()
        return result

    text = {"type": "text", "text": "two words"}
    other = {"type": "text", "text": "more"}
    image = {"type": "image", "mimeType": "image/png", "data": "AAAA"}
    embedded = {"type": "resource", "resource": {"uri": "u", "text": "inside"}}
    link = {"type": "resource_link", "uri": "u"}
    both = ToolOutcome(content=[text], structured={"a": 1}, has_structured=True)
    assert await texts_of(both) == "two words"
    assert await texts_of(ToolOutcome(structured={"a": 1}, has_structured=True)) == '{"a":1}'
    assert await texts_of(ToolOutcome(content=[text, image, other, embedded])) == "two words\nmore\ninside"
    assert await texts_of(ToolOutcome(content=[link])) == '{"type":"resource_link","uri":"u"}'
    assert await texts_of(ToolOutcome(content=[text], is_error=True)) == "two words"


@pytest.mark.requirement("R33")
async def test_direct_texts_beyond_some_megabytes_are_counted_and_let_go() -> None:
    direct = DirectTexts(words)
    big = "word " * (HELD_CHARACTERS // 10)
    for _ in range(5):
        await direct.add(big)
    assert sum(map(len, direct.texts)) <= HELD_CHARACTERS
    assert direct.tokens() == 5 * (HELD_CHARACTERS // 10)


async def test_calls_reach_real_servers_and_come_back_as_plain_values() -> None:
    seen: list[float] = []

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        seen.append(done)

    report: Progress = progress
    async with catalog(
        git=real("mcp-server-git"), time=real("mcp-server-time"), h=hostile(), broken={"command": "nothing"}
    ) as servers:
        run = Broker(servers, count=words).open_run()
        log = await run.call("git", "git_log", {"repo_path": str(REPOSITORY), "max_count": 1})
        assert log.startswith("Commit history:")
        now = await run.call("time", "get_current_time", {"timezone": "UTC"})
        assert now["timezone"] == "UTC"
        with pytest.raises(ToolFailed, match="nowhere"):
            await run.call("git", "git_log", {"repo_path": "/nowhere"})
        with pytest.raises(ToolArgumentsInvalid, match="there is no parameter 'zone'"):
            await run.call("time", "get_current_time", {"zone": "UTC"})
        with pytest.raises(ToolUnavailable, match="there is no command"):
            await run.call("broken", "x", {})
        assert await run.call("h", "progress", {"steps": 2}, progress=report) == "done"
    assert seen == [1.0, 2.0]
    assert [call.ok for call in run.calls] == [True, True, False, False, False, True]
