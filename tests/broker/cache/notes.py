"""Brokers with a cache, in front of a server that is functions of this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from underpass.broker import Broker, InMemoryCatalog
from underpass.broker.cache.cache import ToolCache
from underpass.broker.cache.declared import Declarations
from underpass.broker.cache.store import ResultStore
from underpass.broker.call import Stages
from underpass.catalog import InMemoryUpstream, ToolDefinition, ToolOutcome
from underpass.catalog.identity import Identity
from underpass.config import CacheSettings
from underpass.errors import ToolFailed

NAME: dict[str, Any] = {"type": "object", "additionalProperties": True}
TTL = 100.0


class ManualTime:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Notes:
    """A server with notes, which knows how often it was asked."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.asked: list[str] = []
        self.failing = False

    async def read(self, arguments: Mapping[str, Any]) -> ToolOutcome:
        name = str(arguments.get("name", ""))
        self.asked.append(f"read {name}")
        if self.failing:
            raise ToolFailed("no note today", server="notes", tool="read")
        return ToolOutcome(structured={"text": self.texts.get(name, "")}, has_structured=True)

    async def write(self, arguments: Mapping[str, Any]) -> ToolOutcome:
        name = str(arguments["name"])
        self.asked.append(f"write {name}")
        self.texts[name] = str(arguments["text"])
        return ToolOutcome(structured={"ok": True}, has_structured=True)

    async def draw(self, _arguments: Mapping[str, Any]) -> ToolOutcome:
        self.asked.append("draw")
        return ToolOutcome(content=[{"type": "image", "data": "AAAA", "mimeType": "image/png"}])

    def upstream(self, **annotations: Any) -> InMemoryUpstream:
        upstream = InMemoryUpstream("notes")
        for tool, handle in (("read", self.read), ("write", self.write), ("draw", self.draw)):
            hints = annotations if tool == "read" else {}
            upstream.add(ToolDefinition("notes", tool, "", input_schema=NAME, annotations=hints), handle)
        return upstream


def identity(server: str) -> Identity:
    return Identity(f"{server} of one account", server, lasts=True)


@asynccontextmanager
async def cached(
    folder: Path,
    upstream: InMemoryUpstream,
    clock: ManualTime,
    *,
    trusted: tuple[str, ...] = (),
    settings: CacheSettings | None = None,
    which: Any = identity,
) -> AsyncGenerator[Broker]:
    """A broker whose cache is in ``folder``: several are as several processes."""
    chosen = settings or CacheSettings(tools=("notes.read", "notes.draw"), ttl_seconds=TTL)
    async with ResultStore(folder, chosen, clock=clock) as store:
        cache = ToolCache(store, Declarations(chosen, trusted), which, is_used=chosen.is_used, timeout=60.0)
        catalog = InMemoryCatalog({"notes": upstream})
        yield Broker(catalog, count=len, stages=Stages(cache=cache))


async def read(broker: Broker, name: str = "a", agent: str = "default") -> str:
    """Read a note from outside of any run."""
    value = await broker.call("notes", "read", {"name": name}, agent=agent)
    return str(value["text"])


async def write(broker: Broker, text: str, name: str = "a") -> None:
    await broker.call("notes", "write", {"name": name, "text": text})
