"""When servers start, stop, are asked whether they live, and are started again."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.patience import LONG
from tests.servers.catalogs import HOSTILE, hostile
from tests.servers.changing import changing
from tests.servers.manual_clock import ManualClock

from underpass.catalog import Catalog, InMemoryUpstream, Listing, ServerState, ToolDefinition
from underpass.catalog.server_tools import ServerTools
from underpass.config import ServerSettings
from underpass.errors import ServerUnavailable, ToolUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R01")]


def catalog(clock: ManualClock, *, start_timeout: float = 60.0, **servers: Any) -> Catalog:
    settings = ServerSettings(start_timeout=start_timeout, idle_seconds=300, ping_seconds=0)
    return Catalog(servers, settings=settings, clock=clock)


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(LONG):
        while not condition():
            await checkpoint()


def state(servers: Catalog) -> ServerState:
    (only,) = servers.states()
    return only


async def pid(servers: Catalog) -> int:
    outcome = await servers.call("h", "pid", {})
    return json.loads(outcome.content[0]["text"])["pid"]


def names(listing: Listing) -> list[str]:
    return [tool.name for tool in listing.tools]


async def test_a_server_that_nobody_needs_is_stopped_and_started_again_by_the_next_call() -> None:
    clock = ManualClock()
    async with catalog(clock, h=hostile()) as servers:
        assert state(servers).state == "configured"
        await servers.listing("h")
        first = await pid(servers)
        assert state(servers).state == "started"
        await clock.advance(299)
        assert state(servers).state == "started"
        assert await pid(servers) == first, "a call begins the time anew"
        await clock.advance(299)
        assert state(servers).state == "started"
        await clock.advance(1)
        await until(lambda: state(servers).state == "known")
        assert state(servers).tools == len((await servers.listing("h")).tools)
        assert state(servers).state == "known", "its tools are known without it"
        assert await pid(servers) != first
        assert (state(servers).state, state(servers).error) == ("started", None)


async def test_a_server_is_in_use_while_a_call_is_in_flight_and_not_stopped_then() -> None:
    clock = ManualClock()
    async with catalog(clock, h=hostile()) as servers:
        first = await pid(servers)

        async def hang() -> None:
            with pytest.raises(ToolUnavailable):
                await servers.call("h", "hang", {})

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hang)
            await until(lambda: state(servers).state == "in use")
            await clock.advance(301)
            await clock.advance(301)
            assert state(servers).state == "in use"
            assert await pid(servers) == first
            os.kill(first, signal.SIGKILL)


async def test_a_server_that_crashes_after_each_call_is_paused_longer_each_time() -> None:
    clock = ManualClock()
    async with catalog(clock, h=hostile()) as servers:
        pauses: list[float] = []
        for _ in range(8):
            with pytest.raises(ToolUnavailable, match="ended with status 3 during the call"):
                await servers.call("h", "die", {})
            await until(lambda: state(servers).state == "failed")
            if not pauses:
                await servers.call("h", "echo", {})  # most servers die once
                pauses.append(0)
                continue
            with pytest.raises(ToolUnavailable) as caught:
                await servers.call("h", "echo", {})
            pauses.append(caught.value.data["retry_in"])
            assert f"it is tried again in {pauses[-1]:.1f} s" in caught.value.hint
            await clock.advance(pauses[-1] + 0.1)
        for number, pause in enumerate(pauses[1:]):
            longest = min(2.0**number, 60.0)
            assert longest / 2 <= pause <= longest
        await servers.call("h", "echo", {})
        await clock.advance(61)  # it has proved itself
        with pytest.raises(ToolUnavailable):
            await servers.call("h", "die", {})
        await servers.call("h", "echo", {})


async def test_a_server_that_cannot_start_is_tried_again_after_its_pause() -> None:
    clock = ManualClock()
    async with catalog(clock, h={"command": "no-such-command"}) as servers:
        with pytest.raises(ServerUnavailable, match="there is no command") as caught:
            await servers.listing("h")
        assert 0.5 <= caught.value.data["retry_in"] <= 1
        with pytest.raises(ServerUnavailable) as again:
            await servers.listing("h")
        assert again.value.data["retry_in"] == caught.value.data["retry_in"], "it was not tried"
        await clock.advance(1)
        with pytest.raises(ServerUnavailable) as tried:
            await servers.listing("h")
        assert 1 <= tried.value.data["retry_in"] <= 2


async def test_nobody_waits_again_for_a_server_that_failed_before(tmp_path: Path) -> None:
    clock = ManualClock()
    command = tmp_path / "server"
    async with catalog(clock, h={"command": str(command)}) as servers:
        assert isinstance((await servers.listings())["h"], ServerUnavailable)
        command.write_text(f"#!/bin/sh\nexec {sys.executable} {HOSTILE}\n")
        command.chmod(0o755)
        await clock.advance(1)
        assert isinstance((await servers.listings())["h"], ServerUnavailable), "it is tried meanwhile"
        await until(lambda: state(servers).state == "started")
        assert isinstance((await servers.listings())["h"], Listing)


@pytest.mark.parametrize("era", ["handshake", "modern"])
async def test_a_server_that_does_not_answer_a_ping_is_ended_and_started_again(era: str) -> None:
    clock = ManualClock()
    settings = ServerSettings(idle_seconds=0, ping_seconds=30)
    async with Catalog({"h": hostile(era)}, settings=settings, clock=clock) as servers:
        first = await pid(servers)
        await clock.advance(30)
        assert await pid(servers) == first, "it answered"
        await until_pinged_again(clock)
        assert state(servers).state == "started"
        os.kill(first, signal.SIGSTOP)
        await clock.advance(30)
        await clock.advance(30)
        await until(lambda: state(servers).state == "failed")
        assert "did not answer a ping within 30 s" in (state(servers).error or "")
        assert await pid(servers) != first


async def until_pinged_again(clock: ManualClock) -> None:
    """Give the answer to a ping the time to arrive: another is sent only after it."""
    with anyio.fail_after(LONG):
        while clock.sleeping != 1:
            await checkpoint()


async def test_a_server_that_works_on_a_call_is_not_pinged() -> None:
    clock = ManualClock()
    settings = ServerSettings(idle_seconds=0, ping_seconds=30)
    async with Catalog({"h": hostile()}, settings=settings, clock=clock) as servers:
        first = await pid(servers)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(servers.call, "h", "hang", {}, timeout=LONG))
            await until(lambda: state(servers).state == "in use")
            os.kill(first, signal.SIGSTOP)  # as one that computes without looking at its input
            for _ in range(5):
                await clock.advance(30)
            os.kill(first, signal.SIGCONT)
            tasks.cancel_scope.cancel()
        assert await pid(servers) == first


async def test_no_call_is_made_while_an_announced_change_is_being_listed() -> None:
    gate, asked, ready = anyio.Event(), list[int](), list[Listing]()

    class Slow(InMemoryUpstream):
        async def list_tools(self) -> Listing:
            asked.append(1)
            if len(asked) > 1:
                await gate.wait()
            return Listing((ToolDefinition("s", f"tool{len(asked)}"),))

    upstream = Slow("s")
    tools = ServerTools("s", lambda: upstream, lambda: 1, lives=True, lock=None, manifest=None)

    async def call() -> None:
        ready.append(await tools.ready())

    assert names(await tools.ready()) == ["tool1"]
    async with anyio.create_task_group() as tasks:
        tools.changed()
        tasks.start_soon(tools.renewed)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        assert ready == []
        gate.set()
    assert [names(listing) for listing in ready] == [["tool2"]]
    assert len(asked) == 2


@pytest.mark.parametrize("behaviour", ["listen-refused", "listen-lost"])
async def test_a_server_that_stops_announcing_is_asked_to_go_on_and_one_that_refuses_is_not(
    behaviour: str,
) -> None:
    async def listens() -> int:
        return int((await servers.call("h", "listens", {})).content[0]["text"])

    clock = ManualClock()
    async with catalog(clock, h=hostile("modern", behaviour)) as servers:
        for _ in range(4):
            await listens()
            await clock.advance(10)
        with anyio.fail_after(LONG):
            while behaviour == "listen-lost" and await listens() < 3:
                await clock.advance(60)
        if behaviour == "listen-refused":
            assert await listens() == 1
        assert state(servers).state == "started"


@pytest.mark.requirement("R31")
@pytest.mark.parametrize(
    ("transport", "era"), [("stdio", "modern"), ("http", "modern"), ("http", "handshake")]
)
async def test_tools_that_a_running_server_adds_are_listed_and_told(
    transport: str, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    with changing(transport, era) as entry:
        async with catalog(clock, h=entry) as servers:
            assert names(await servers.listing("h")) == ["grow"]
            assert state(servers).origin.protocol == ("2026-07-28" if era == "modern" else "2025-11-25")
            # The server learns a little later than the listing that somebody wants to hear of changes.
            await clock.advance(0)
            for number in range(2):
                await servers.call("h", "grow", {"name": f"new{number}"})
                await until(lambda number=number: len(servers.known()["h"].tools) == 2 + number)
            assert names(await servers.listing("h")) == ["grow", "new0", "new1"]
            assert (await servers.call("h", "new1", {})).structured == {"result": "new1"}
            assert [(change.kind, change.tool) for change in state(servers).news] == [("new", "new1")]
    assert [record.message for record in caplog.records if record.name == "underpass.catalog"] == [
        "the tools of h changed: added new0",
        "the tools of h changed: added new1",
    ]
