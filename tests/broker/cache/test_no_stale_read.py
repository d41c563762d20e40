"""Whatever reads and writes there are at once, in several processes: none is older than the last write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.broker.cache.notes import NAME, TTL, ManualTime, cached

from underpass.broker import Broker
from underpass.catalog import InMemoryUpstream, ToolDefinition, ToolOutcome

pytestmark = pytest.mark.requirement("R18")
TIMEOUT = 60.0
"""What the brokers of these tests take for the longest time of a call."""


@dataclass
class Version:
    """One text of the note: how long it was there."""

    since: int
    written: bool
    """Whether a call made it; else someone behind Underpass's back."""
    told: float = inf
    """When the writer knew, or the write happened after he had given up."""
    until: float = inf
    gone: float = inf
    """The same as ``until``, in seconds."""


@dataclass
class World:
    """A server with one note, whose calls wait wherever a test lets them wait."""

    clock: ManualTime
    versions: list[Version] = field(default_factory=lambda: [Version(0, written=False)])
    steps: int = 1
    waiting: list[anyio.Event] = field(default_factory=list[anyio.Event])
    late: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """Writes that were given up before they happened, and until when they may still happen."""
    reads: int = 0

    def tick(self) -> int:
        self.steps += 1
        return self.steps

    def change(self, *, written: bool) -> Version:
        now = self.tick()
        self.versions[-1].until, self.versions[-1].gone = now, self.clock.now
        self.versions.append(Version(now, written))
        return self.versions[-1]

    async def gate(self) -> None:
        event = anyio.Event()
        self.waiting.append(event)
        try:
            await event.wait()
        finally:
            self.waiting.remove(event)

    async def read(self, _arguments: Mapping[str, Any]) -> ToolOutcome:
        self.reads += 1
        await self.gate()
        number = len(self.versions) - 1
        await self.gate()
        return ToolOutcome(structured={"version": number}, has_structured=True)

    async def write(self, _arguments: Mapping[str, Any]) -> ToolOutcome:
        begun = self.clock.now
        try:
            await self.gate()
        except anyio.get_cancelled_exc_class():
            self.late.append((max(begun, self.clock.now) + TIMEOUT, 0))
            raise
        number = len(self.versions)
        version = self.change(written=True)
        try:
            await self.gate()
        except anyio.get_cancelled_exc_class():
            version.told = self.tick()
            raise
        return ToolOutcome(structured={"version": number}, has_structured=True)

    def happen_late(self) -> None:
        """Let a write happen whose caller has given up."""
        until, _ = self.late.pop()
        if self.clock.now < until:
            self.change(written=True).told = self.tick()

    def upstream(self) -> InMemoryUpstream:
        upstream = InMemoryUpstream("notes")
        for tool, handle in (("read", self.read), ("write", self.write)):
            upstream.add(ToolDefinition("notes", tool, input_schema=NAME), handle)
        return upstream

    def check(self, number: int, begun: int, begun_at: float) -> None:
        """Check what a read got that began at a step and a second."""
        got = self.versions[number]
        later = [version for version in self.versions[number + 1 :] if version.written]
        overtaken = [version for version in later if version.told < begun]
        assert not overtaken, "older than a write that its writer knew of before"
        assert got.gone > begun_at - TTL, "older than its time to live"


Step = tuple[Literal["read", "write", "go", "give up", "late", "outside", "wait", "restart"], int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "read",
                "read",
                "read",
                "write",
                "go",
                "go",
                "go",
                "go",
                "give up",
                "late",
                "outside",
                "wait",
                "restart",
            ]
        ),
        st.integers(0, 7),
    ),
    min_size=25,
    max_size=60,
)


async def settle() -> None:
    """Let every task go as far as it can: nothing here waits for more than another task."""
    for _ in range(30):
        await checkpoint()


async def _play(steps: list[Step], folder: Path) -> World:
    clock = ManualTime()
    world = World(clock)
    scopes: list[anyio.CancelScope] = []
    busy = [0, 0]

    brokers: dict[int, Broker] = {}
    ends = {place: anyio.Event() for place in range(len(busy))}

    async def live(place: int) -> None:
        """Be one process, and the next one after its end."""
        while True:
            async with cached(folder, world.upstream(), clock) as brokers[place]:
                await ends[place].wait()
            ends[place] = anyio.Event()

    async def call(place: int, tool: str) -> None:
        begun, begun_at = world.tick(), clock.now
        busy[place] += 1
        scope = anyio.CancelScope()
        scopes.append(scope)
        with scope:
            number = (await brokers[place].call("notes", tool, {}))["version"]
            if tool == "write":
                world.versions[number].told = world.tick()
            else:
                world.check(number, begun, begun_at)
        busy[place] -= 1
        scopes.remove(scope)

    async with anyio.create_task_group() as tasks:
        for place in ends:
            tasks.start_soon(live, place)
        await settle()
        for what, which in steps:
            place = which % 2
            if what in {"read", "write"}:
                tasks.start_soon(call, place, what)
            elif what == "go" and world.waiting:
                world.waiting[which % len(world.waiting)].set()
            elif what == "give up" and scopes:
                scopes[which % len(scopes)].cancel()
            elif what == "late" and world.late:
                world.happen_late()
            elif what == "outside":
                world.change(written=False)
            elif what == "wait":
                clock.now += which * 20
            elif what == "restart" and not busy[place]:
                ends[place].set()
            await settle()
        while world.waiting:
            world.waiting[0].set()
            await settle()
        tasks.cancel_scope.cancel()
    return world


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_no_read_is_older_than_the_last_write_or_than_its_time_to_live(steps: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        anyio.run(_play, steps, Path(folder))


def test_in_such_a_play_some_reads_are_spared() -> None:
    steps: list[Step] = [
        ("read", 0),
        ("go", 0),
        ("go", 0),
        ("read", 0),
        ("restart", 0),
        ("read", 0),
        ("read", 1),
    ]
    with TemporaryDirectory() as folder:
        assert anyio.run(_play, steps, Path(folder)).reads == 1
