"""Which calls are answered from the cache, and which are made."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from tests.broker.cache.notes import NAME, TTL, ManualTime, Notes, cached, identity, read, write

from underpass.broker import Broker, InMemoryBlobs
from underpass.catalog import InMemoryUpstream, ToolDefinition, ToolOutcome
from underpass.catalog.identity import Identity
from underpass.config import CacheSettings
from underpass.errors import ToolFailed, ToolLimitExceeded

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R18")]


async def test_the_second_of_two_equal_calls_is_answered_from_the_cache_and_says_so(tmp_path: Path) -> None:
    notes = Notes()
    notes.texts["a"] = "x"
    async with cached(tmp_path, notes.upstream(), ManualTime()) as broker:
        run = broker.open_run()
        first = await run.call("notes", "read", {"name": "a"})
        second = await run.call("notes", "read", {"name": "a"})
    assert first == second == {"text": "x"}
    assert notes.asked == ["read a"]
    assert [call.to_dict().get("cached") for call in run.calls] == [None, True]
    assert [call.bytes_out for call in run.calls] == [12, 12]


async def test_what_a_program_does_to_a_value_changes_no_other_s(tmp_path: Path) -> None:
    async with cached(tmp_path, Notes().upstream(), ManualTime()) as broker:
        for _ in range(3):
            value = await broker.call("notes", "read", {"name": "a"})
            assert value == {"text": ""}
            value["text"] = "mine"


async def test_arguments_are_equal_whatever_their_order(tmp_path: Path) -> None:
    notes = Notes()
    async with cached(tmp_path, notes.upstream(), ManualTime()) as broker:
        await broker.call("notes", "read", {"name": "a", "x": 1})
        await broker.call("notes", "read", {"x": 1, "name": "a"})
        await broker.call("notes", "read", {"x": True, "name": "a"})
    assert len(notes.asked) == 2


async def test_no_agent_gets_what_another_has_read(tmp_path: Path) -> None:
    notes = Notes()
    async with cached(tmp_path, notes.upstream(), ManualTime()) as broker:
        await read(broker, agent="one")
        await read(broker, agent="two")
        await read(broker, agent="two")
    assert len(notes.asked) == 2


async def test_a_result_is_good_until_its_time_is_over(tmp_path: Path) -> None:
    notes, clock = Notes(), ManualTime()
    async with cached(tmp_path, notes.upstream(), clock) as broker:
        await read(broker)
        notes.texts["a"] = "changed by someone else"
        clock.now += TTL - 0.1
        assert await read(broker) == ""
        clock.now += 0.1
        assert await read(broker) == "changed by someone else"
    assert len(notes.asked) == 2


async def test_each_tool_may_have_a_time_of_its_own_and_0_keeps_nothing(tmp_path: Path) -> None:
    notes, clock = Notes(), ManualTime()
    brief = CacheSettings(tools=("notes.*",), ttl={"notes.read": 5.0, "notes.*": 50.0})
    async with cached(tmp_path, notes.upstream(), clock, settings=brief) as broker:
        await read(broker)
        clock.now += 6
        await read(broker)
    assert len(notes.asked) == 2
    never = CacheSettings(tools=("notes.read",), ttl={"notes.*": 0.0})
    async with cached(tmp_path / "never", notes.upstream(), clock, settings=never) as broker:
        await read(broker)
        await read(broker)
    assert len(notes.asked) == 4


async def test_a_time_that_was_made_shorter_holds_for_what_was_kept_before(tmp_path: Path) -> None:
    notes, clock = Notes(), ManualTime()
    long = CacheSettings(tools=("notes.read",), ttl_seconds=1_000)
    async with cached(tmp_path, notes.upstream(), clock, settings=long) as broker:
        await read(broker)
    clock.now += 10
    async with cached(tmp_path, notes.upstream(), clock, settings=replace(long, ttl_seconds=5)) as broker:
        await read(broker)
    assert len(notes.asked) == 2


async def test_a_write_makes_what_was_read_before_stale(tmp_path: Path) -> None:
    notes = Notes()
    async with cached(tmp_path, notes.upstream(), ManualTime()) as broker:
        await read(broker)
        await read(broker, "b")
        await write(broker, "new")
        assert await read(broker) == "new"
        assert await read(broker, "b") == ""
        assert await read(broker) == "new"
    assert notes.asked == ["read a", "read b", "write a", "read a", "read b"]


async def test_a_write_in_another_process_makes_it_stale_as_well(tmp_path: Path) -> None:
    notes, clock = Notes(), ManualTime()
    nothing = CacheSettings()
    async with (
        cached(tmp_path, notes.upstream(), clock) as one,
        cached(tmp_path, notes.upstream(), clock) as other,
        cached(tmp_path, notes.upstream(), clock, settings=nothing) as without,
    ):
        await read(one)
        await write(other, "2")
        assert await read(one) == "2"
        await write(without, "3")
        assert await read(one) == "3"
        assert await read(without) == "3"
        assert await read(one) == "3"


async def test_what_one_process_has_kept_another_uses(tmp_path: Path) -> None:
    notes, clock = Notes(), ManualTime()
    async with cached(tmp_path, notes.upstream(), clock) as one:
        await read(one)
    async with cached(tmp_path, notes.upstream(), clock) as other:
        await read(other)
        await read(other)
    assert len(notes.asked) == 1


async def test_an_error_is_not_kept(tmp_path: Path) -> None:
    notes = Notes()
    notes.failing = True
    async with cached(tmp_path, notes.upstream(), ManualTime()) as broker:
        with pytest.raises(ToolFailed):
            await read(broker)
        notes.failing = False
        assert await read(broker) == ""
    assert len(notes.asked) == 2


async def test_a_result_that_names_files_of_its_run_is_not_kept(tmp_path: Path) -> None:
    notes = Notes()
    async with cached(tmp_path, notes.upstream(), ManualTime()) as broker:
        for _ in range(2):
            blobs = InMemoryBlobs()
            picture = await broker.open_run(blobs=blobs).call("notes", "draw", {})
            assert list(blobs.blobs) == [picture["path"]]
    assert notes.asked == ["draw", "draw"]


async def test_another_account_or_definition_is_another_tool(tmp_path: Path) -> None:
    notes, clock = Notes(), ManualTime()
    async with cached(tmp_path, notes.upstream(), clock) as broker:
        await read(broker)
    async with cached(tmp_path, notes.upstream(title="Notes"), clock) as broker:
        await read(broker)
    who = ["one"]

    def which(server: str) -> Identity:
        return identity(server)._replace(digest=who[0])

    async with cached(tmp_path, notes.upstream(), clock, which=which) as broker:
        await read(broker)
        who[0] = "other"
        await read(broker)
    assert len(notes.asked) == 4


async def test_nothing_is_kept_of_a_server_of_which_it_is_not_known_which_it_is(tmp_path: Path) -> None:
    notes = Notes()

    def unknown(server: str) -> Identity | None:
        return answers[server]

    for answer in (None, identity("notes")._replace(digest="")):
        answers = {"notes": answer}
        async with cached(tmp_path, notes.upstream(), ManualTime(), which=unknown) as broker:
            await read(broker)
            await read(broker)
    assert len(notes.asked) == 4


async def test_what_lasts_no_longer_than_its_process_is_not_written_down(tmp_path: Path) -> None:
    notes, clock = Notes(), ManualTime()

    def passing(server: str) -> Identity:
        return identity(server)._replace(lasts=False)

    for _ in range(2):
        async with cached(tmp_path, notes.upstream(), clock, which=passing) as broker:
            await read(broker)
            await read(broker)
    assert len(notes.asked) == 2


@pytest.mark.parametrize(
    ("hints", "trusted", "settings", "made"),
    [
        ({"readOnlyHint": True}, ("notes",), CacheSettings(read_only=True), 1),
        ({"readOnlyHint": True}, (), CacheSettings(read_only=True), 2),
        ({"readOnlyHint": True}, ("notes",), CacheSettings(tools=("web.*",)), 2),
        ({"readOnlyHint": True, "destructiveHint": True}, ("notes",), CacheSettings(read_only=True), 2),
        ({}, ("notes",), CacheSettings(read_only=True), 2),
        ({}, (), CacheSettings(tools=("notes.*",)), 1),
        ({}, (), CacheSettings(tools=("*.read",)), 1),
        ({"destructiveHint": True}, (), CacheSettings(tools=("notes.*",)), 2),
        ({"readOnlyHint": False}, (), CacheSettings(tools=("notes.*",)), 2),
        ({"readOnlyHint": False}, (), CacheSettings(tools=("notes.read",)), 1),
        ({}, (), CacheSettings(tools=("other.read",)), 2),
    ],
)
async def test_only_tools_are_kept_that_the_operator_named_or_trusts_to_read(
    tmp_path: Path, hints: dict[str, Any], trusted: tuple[str, ...], settings: CacheSettings, made: int
) -> None:
    notes = Notes()
    async with cached(
        tmp_path, notes.upstream(**hints), ManualTime(), trusted=trusted, settings=settings
    ) as broker:
        await read(broker)
        await read(broker)
    assert len(notes.asked) == made


async def test_a_result_over_the_limit_of_this_run_is_refused_from_the_cache_as_well(tmp_path: Path) -> None:
    notes = Notes()
    notes.texts["a"] = "x" * 100
    async with cached(tmp_path, notes.upstream(), ManualTime()) as broker:
        await read(broker)
        run = broker.open_run(limits=replace(broker.open_run().limits, max_result_bytes=50))
        with pytest.raises(ToolLimitExceeded):
            await run.call("notes", "read", {"name": "a"})


class Slow:
    """A server whose one tool ends when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[anyio.Event] = []
        self.outcomes: list[Exception | None] = []

    async def read(self, _arguments: Mapping[str, Any]) -> ToolOutcome:
        number = len(self.waiting)
        self.waiting.append(anyio.Event())
        await self.waiting[number].wait()
        outcome = self.outcomes[number] if number < len(self.outcomes) else None
        if outcome is not None:
            raise outcome
        return ToolOutcome(structured={"text": str(number)}, has_structured=True)

    def upstream(self) -> InMemoryUpstream:
        upstream = InMemoryUpstream("notes")
        upstream.add(ToolDefinition("notes", "read", input_schema=NAME), self.read)
        upstream.add(ToolDefinition("notes", "write", input_schema=NAME), Notes().write)
        return upstream


async def _several(broker: Broker, count: int, got: list[str]) -> None:
    async def one() -> None:
        try:
            got.append(await read(broker))
        except ToolFailed:
            got.append("failed")

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(one)


async def test_concurrent_equal_calls_are_made_once(tmp_path: Path) -> None:
    slow, got = Slow(), list[str]()
    async with (
        cached(tmp_path, slow.upstream(), ManualTime()) as broker,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(_several, broker, 5, got)
        await wait_all_tasks_blocked()
        assert len(slow.waiting) == 1
        slow.waiting[0].set()
    assert got == ["0"] * 5


async def test_a_first_caller_who_gives_up_does_not_break_the_others(tmp_path: Path) -> None:
    slow, got = Slow(), list[str]()
    async with (
        cached(tmp_path, slow.upstream(), ManualTime()) as broker,
        anyio.create_task_group() as tasks,
    ):
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as group:
                group.start_soon(read, broker)
                await wait_all_tasks_blocked()
                tasks.start_soon(_several, broker, 3, got)
                await wait_all_tasks_blocked()
                first.cancel()
        await wait_all_tasks_blocked()
        assert len(slow.waiting) == 2
        slow.waiting[1].set()
    assert got == ["1"] * 3


async def test_where_the_first_fails_the_others_try_for_themselves_at_once(tmp_path: Path) -> None:
    slow, got = Slow(), list[str]()
    slow.outcomes = [ToolFailed("no", server="notes", tool="read")]
    async with (
        cached(tmp_path, slow.upstream(), ManualTime()) as broker,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(_several, broker, 3, got)
        await wait_all_tasks_blocked()
        slow.waiting[0].set()
        await wait_all_tasks_blocked()
        assert len(slow.waiting) == 3
        for waiting in slow.waiting:
            waiting.set()
    assert sorted(got) == ["1", "2", "failed"]


async def test_who_reads_after_a_write_does_not_share_a_read_from_before_it(tmp_path: Path) -> None:
    slow, got = Slow(), list[str]()
    async with (
        cached(tmp_path, slow.upstream(), ManualTime()) as broker,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(_several, broker, 1, got)
        await wait_all_tasks_blocked()
        await write(broker, "new")
        tasks.start_soon(_several, broker, 1, got)
        await wait_all_tasks_blocked()
        assert len(slow.waiting) == 2
        slow.waiting[1].set()
        await wait_all_tasks_blocked()
        slow.waiting[0].set()
        await wait_all_tasks_blocked()
        assert got == ["1", "0"]
        assert await read(broker) == "1"


async def test_nothing_is_kept_after_a_write_of_which_nobody_knows_the_end(tmp_path: Path) -> None:
    notes, clock, hang = Notes(), ManualTime(), anyio.Event()

    async def forever(_arguments: Mapping[str, Any]) -> ToolOutcome:
        await hang.wait()
        raise AssertionError

    upstream = notes.upstream()
    upstream.add(ToolDefinition("notes", "hang", input_schema=NAME), forever)
    async with cached(tmp_path, upstream, clock) as broker:
        await read(broker)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(broker.call, "notes", "hang", {"name": "a"})
            await wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await read(broker)
        await read(broker)
        assert len(notes.asked) == 3
        clock.now += 60
        await read(broker)
        await read(broker)
        assert len(notes.asked) == 4
