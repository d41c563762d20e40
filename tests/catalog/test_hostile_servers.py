"""What a server may do wrong, and what the catalog makes of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.patience import LONG, in_time
from tests.servers.catalogs import catalog, hostile

from underpass.catalog import Catalog, Listing
from underpass.errors import (
    ServerUnavailable,
    ToolFailed,
    ToolLimitExceeded,
    ToolTimeout,
    ToolUnavailable,
)

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R01")]


async def text_of(servers: Catalog, tool: str, **arguments: Any) -> str:
    outcome = await servers.call("h", tool, arguments)
    return str(outcome.content[0]["text"])


async def test_a_server_that_dies_mid_call_fails_that_call_and_serves_the_next() -> None:
    async with catalog(h=hostile()) as servers:
        with pytest.raises(ToolUnavailable, match="ended with status 3 during the call of die") as caught:
            await servers.call("h", "die", {})
        assert caught.value.data["stderr"] == "the disk is on fire"
        assert await text_of(servers, "echo", a=1) == '{"a": 1}'
        assert [state.state for state in servers.states()] == ["started"]


async def test_a_server_that_died_is_shown_as_failed_until_it_is_needed_again() -> None:
    async with catalog(h=hostile()) as servers:
        await servers.listing("h")
        with pytest.raises(ToolUnavailable):
            await servers.call("h", "die", {})
        with anyio.fail_after(LONG):
            while [state.state for state in servers.states()] != ["failed"]:
                await anyio.lowlevel.checkpoint()
        assert [state.error for state in servers.states()] == [
            "server 'h' ended with status 3; it said: the disk is on fire"
        ]
        assert await text_of(servers, "echo") == "{}"
        (state,) = servers.states()
        assert (state.state, state.error) == ("started", None)


async def test_a_server_that_is_killed_is_named_so() -> None:
    async with catalog(h=hostile()) as servers:
        with pytest.raises(ToolUnavailable, match="was ended by SIGKILL"):
            await servers.call("h", "kill", {})


async def test_a_death_fails_every_call_in_flight_at_once() -> None:
    async with catalog(h=hostile()) as servers:
        await servers.listing("h")
        failures: list[str] = []

        async def hang() -> None:
            with pytest.raises(ToolUnavailable) as caught:
                await text_of(servers, "hang")
            failures.append(caught.value.type)

        with anyio.fail_after(LONG):
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(hang)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(ToolUnavailable):
                    await servers.call("h", "die", {})
        assert len(failures) == 5


async def test_a_server_that_closes_its_output_is_started_again() -> None:
    async with catalog(h=hostile("ignore-sigterm")) as servers:
        with pytest.raises(ToolUnavailable):
            await servers.call("h", "close_stdout", {})
        assert await text_of(servers, "echo") == "{}"


async def test_a_call_without_an_answer_times_out_and_the_server_is_told() -> None:
    async with catalog(h=hostile()) as servers:
        await servers.listing("h")
        with pytest.raises(ToolTimeout, match=r"h\.hang did not answer within 0\.2 s") as caught:
            await servers.call("h", "hang", {}, timeout=0.2)
        assert caught.value.data["setting"] == "calls.timeout"
        assert len(await text_of(servers, "cancelled")) > len("[]")


async def test_an_answer_after_the_timeout_is_not_taken_for_another_calls() -> None:
    async with catalog(h=hostile()) as servers:
        await servers.listing("h")
        with pytest.raises(ToolTimeout):
            await servers.call("h", "late", {}, timeout=0.2)
        assert await text_of(servers, "echo", a=2) == '{"a": 2}'


async def test_a_cancelled_caller_cancels_the_servers_work() -> None:
    async with catalog(h=hostile()) as servers:
        await servers.listing("h")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(text_of, servers, "hang")
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert len(await text_of(servers, "cancelled")) > len("[]")


async def test_a_server_that_hangs_at_its_start_is_given_up_in_time() -> None:
    async with catalog(start_timeout=0.5, h=hostile("hang-at-start")) as servers:
        with anyio.fail_after(LONG), pytest.raises(ServerUnavailable, match=r"within 0\.5 s of its start"):
            await servers.listing("h")
        (state,) = servers.states()
    assert state.state == "failed"


async def test_a_server_that_exits_at_its_start_shows_its_last_words() -> None:
    async with catalog(h=hostile("exit-at-start")) as servers:
        with pytest.raises(ServerUnavailable, match="ended with status 1") as caught:
            await servers.listing("h")
        (state,) = servers.states()
    assert caught.value.data["stderr"] == "no API key: set HOSTILE_KEY"
    assert (state.state, state.stderr) == ("failed", "no API key: set HOSTILE_KEY")
    assert state.error == "server 'h' ended with status 1; it said: no API key: set HOSTILE_KEY"


async def test_a_failed_start_is_not_repeated_at_once(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    failing = f"open({str(starts)!r}, 'a').write('x')\nraise SystemExit(1)"
    async with catalog(h={"command": sys.executable, "args": ["-c", failing]}) as servers:
        with pytest.raises(ServerUnavailable):
            await servers.listing("h")
        with pytest.raises(ToolUnavailable, match="ended with status 1"):
            await servers.call("h", "echo", {})
        with pytest.raises(ServerUnavailable):
            await servers.listing("h")
        assert starts.read_text() == "x"


async def test_a_bad_server_does_not_hold_the_others_up() -> None:
    slow, broken = hostile("hang-at-start"), {"command": "no-such-command"}

    async def attempt(seconds: float) -> tuple[Mapping[str, Listing | ServerUnavailable], dict[str, str]]:
        async with catalog(start_timeout=2 * seconds, good=hostile(), slow=slow, broken=broken) as servers:
            return await servers.listings(), {state.name: state.state for state in servers.states()}

    listings, states = await in_time(attempt, lambda found: isinstance(found[0]["good"], Listing))
    assert not isinstance(listings["good"], ServerUnavailable)
    assert isinstance(listings["slow"], ServerUnavailable)
    assert "there is no command 'no-such-command'" in str(listings["broken"])
    assert states == {"good": "started", "slow": "failed", "broken": "failed"}


async def test_lines_that_are_no_json_rpc_are_survived_and_kept_for_the_doctor() -> None:
    async with catalog(h=hostile("banner")) as servers:
        assert await text_of(servers, "flood", lines=20_000) == "done"
        assert await text_of(servers, "echo") == "{}"
        (state,) = servers.states()
    assert "(stdout) DEBUG 19999" in state.stderr
    assert len(state.stderr) <= 64 * 1024


async def test_a_result_over_the_limit_is_refused_and_the_server_goes_on() -> None:
    async with catalog(max_result_bytes=5_000_000, h=hostile()) as servers:
        with pytest.raises(ToolLimitExceeded, match="more than 5,000,000 bytes") as caught:
            await servers.call("h", "huge", {"megabytes": 100})
        assert caught.value.data["setting"] == "calls.max_result_bytes"
        assert await text_of(servers, "echo") == "{}"


async def test_a_result_of_a_hundred_megabytes_arrives_when_the_limit_allows_it() -> None:
    async with catalog(max_result_bytes=200_000_000, h=hostile()) as servers:
        assert len(await text_of(servers, "huge", megabytes=100)) == 100_000_000


async def test_stderr_is_captured_and_never_printed(capfd: pytest.CaptureFixture[str]) -> None:
    async with catalog(h=hostile()) as servers:
        with pytest.raises(ToolUnavailable) as caught:
            await servers.call("h", "stderr", {})
        (state,) = servers.states()
    assert state.stderr.endswith("noise the end")
    assert len(state.stderr) <= 64 * 1024
    assert len(caught.value.data["stderr"]) <= 2000
    assert capfd.readouterr() == ("", "")


@pytest.mark.requirement("R08")
async def test_malformed_tools_are_repaired_or_left_out_and_the_others_stay() -> None:
    async with catalog(h=hostile("malformed-tools")) as servers:
        listing = await servers.listing("h")
    assert [tool.name for tool in listing.tools] == [
        "good",
        "null_schema",
        "no_schema",
        "untyped",
        "boolean_parts",
        "bad_required",
        "bad_texts",
        "bad_annotations",
        "bad_output",
        "bad_extras",
        "vast",
        "last",
    ]
    assert {finding.tool for finding in listing.findings if finding.action == "quarantined"} == {
        "#2",
        "#3",
        "#4",
        "good",
        "list_schema",
        "string_schema",
        "too_vast",
    }
    untouched = {"good", "boolean_parts", "last"}
    repaired = {finding.tool for finding in listing.findings if finding.action == "repaired"}
    assert repaired == {tool.name for tool in listing.tools} - untouched
    assert all(finding.reason for finding in listing.findings)


@pytest.mark.parametrize(
    ("behaviour", "count", "reason"),
    [
        ("endless-cursor", 100, "the listing is cut after 100 pages"),
        ("repeating-cursor", 2, "a cursor came twice: the listing ends there"),
    ],
)
async def test_a_listing_without_end_is_cut(behaviour: str, count: int, reason: str) -> None:
    async with catalog(h=hostile(behaviour)) as servers:
        listing = await servers.listing("h")
    assert len(listing.tools) == count
    assert listing.findings[-1].reason == reason


@pytest.mark.parametrize("era", ["modern", "handshake"])
async def test_all_pages_are_read_in_both_eras(era: str) -> None:
    async with catalog(h=hostile("paged", era)) as servers:
        listing = await servers.listing("h")
        names = [tool.name for tool in listing.tools]
        assert names[:4] == ["echo", "die", "kill", "hang"]
        assert len(names) > 10
        assert await text_of(servers, "echo", a=None) == '{"a": null}'


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [("no-list", "no list of tools"), ("hang-in-listing", "did not list its tools")],
)
async def test_a_listing_that_is_none_makes_the_server_unavailable(behaviour: str, message: str) -> None:
    async def attempt(seconds: float) -> str:
        async with catalog(start_timeout=2 * seconds, h=hostile(behaviour)) as servers:
            with pytest.raises(ServerUnavailable) as caught:
                await servers.listing("h")
            return caught.value.message

    assert message in await in_time(attempt, lambda said: "of its start" not in said)


async def test_a_server_without_tools_has_an_empty_listing() -> None:
    async with catalog(h=hostile("no-tools")) as servers:
        assert (await servers.listing("h")).tools == ()


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"content": 5},
        {"content": [5]},
        {"content": [{"type": "text"}]},
        {"content": [{"type": "text", "text": {"a": 1}}]},
        [],
        "text",
        None,
    ],
    ids=repr,
)
async def test_a_result_of_the_wrong_shape_fails_the_call_alone(result: Any) -> None:
    async with catalog(h=hostile()) as servers:
        with pytest.raises(ToolFailed):
            await servers.call("h", "raw", {"result": result})
        assert await text_of(servers, "echo") == "{}"


async def test_results_that_are_nearly_right_are_read() -> None:
    async with catalog(h=hostile()) as servers:
        for content in ("text", ["text"], [{"type": "text", "text": "text"}]):
            result = {"content": content, "isError": "no", "_meta": 5}
            outcome = await servers.call("h", "raw", {"result": result})
            assert outcome.content == [{"type": "text", "text": "text"}]
            assert not outcome.is_error
        outcome = await servers.call("h", "nan", {})
        assert outcome.structured == {"x": None, "y": "?"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"code": -32603, "message": "the database is gone"}, "the database is gone"),
        ({"code": "x"}, "the server gave no reason"),
        ("wrong", "the server's answer is no JSON-RPC answer"),
        # The SDK's own codes for a closed connection and a timeout, sent by a server that is well.
        ({"code": -32000, "message": "mine"}, "mine"),
        ({"code": -32001, "message": "mine"}, "mine"),
    ],
)
async def test_a_json_rpc_error_is_a_failed_call(error: Any, message: str) -> None:
    async with catalog(h=hostile()) as servers:
        with pytest.raises(ToolFailed, match=message):
            await servers.call("h", "rpc_error", {"error": error})


async def test_a_batch_and_an_id_sent_back_as_text_are_understood() -> None:
    async with catalog(h=hostile()) as servers:
        assert await text_of(servers, "batch") == "one of several"


async def test_progress_reaches_the_caller() -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append((done, total, message))

    async with catalog(h=hostile()) as servers:
        await servers.call("h", "progress", {"steps": 3}, progress=progress)
    assert seen == [(1.0, 3.0, "on"), (2.0, 3.0, "on"), (3.0, 3.0, "on")]


async def test_calls_of_one_connection_are_in_flight_together() -> None:
    async with catalog(h=hostile()) as servers:
        with anyio.fail_after(LONG):
            async with anyio.create_task_group() as tasks:
                # The server answers none of them before all have come.
                for _ in range(20):
                    tasks.start_soon(servers.call, "h", "gather", {"calls": 20})


async def test_concurrent_callers_share_one_start() -> None:
    pids: set[str] = set()
    async with catalog(h=hostile()) as servers:

        async def ask() -> None:
            pids.add(await text_of(servers, "pid"))

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(ask)
    assert len(pids) == 1


def gone(pid: int) -> bool:
    # An orphan waits as a zombie until whoever adopted it looks.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("behaviour", ["", "ignore-sigterm"])
async def test_no_process_of_a_servers_tree_outlives_the_catalog(behaviour: str) -> None:
    async with catalog(h=hostile(behaviour)) as servers:
        outcomes = [await text_of(servers, tool) for tool in ("pid", "spawn")]
    pids = [int("".join(filter(str.isdigit, outcome))) for outcome in outcomes]
    assert len(pids) == 2
    # A killed process needs a processor once more to go.
    with anyio.fail_after(LONG):
        while not all(gone(pid) for pid in pids):  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)


async def test_a_cancelled_run_leaves_no_process() -> None:
    pids: list[int] = []
    with anyio.CancelScope() as scope:
        async with catalog(h=hostile()) as servers:
            pids.append(int("".join(filter(str.isdigit, await text_of(servers, "pid")))))
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert gone(pids[0])


async def test_what_the_block_raises_is_raised_as_it_is() -> None:
    async def use() -> None:
        async with catalog(h=hostile()) as servers:
            await servers.listing("h")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await use()


async def test_a_server_inherits_little_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "1")
    async with catalog(h=hostile(env={"GIVEN": "yes"})) as servers:
        environment = await text_of(servers, "environment")
    assert "A_SECRET" not in environment
    assert '"GIVEN": "yes"' in environment
    assert os.environ["PATH"] in environment


async def test_a_caller_that_waits_for_a_start_is_told_when_the_catalog_closes() -> None:
    failures: list[str] = []

    async def ask(servers: Catalog) -> None:
        with pytest.raises(ServerUnavailable) as caught:
            await servers.listing("h")
        failures.append(caught.value.message)

    async with anyio.create_task_group() as tasks, catalog(h=hostile("hang-at-start")) as servers:
        tasks.start_soon(ask, servers)
        await anyio.wait_all_tasks_blocked()
    assert failures == ["server 'h' is being closed"]
