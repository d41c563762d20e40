"""Brings a sandbox of Deno's to where its children are forked, or keeps it from getting there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from underpass import Underpass
from underpass.sandbox.deno import DenoSandbox
from underpass.sandbox.deno_zygote_process import DenoZygoteProcess
from underpass.sandbox.environment import SandboxEnvironment

_PATIENCE = 120
"""Seconds. Deno's own threads end when they were idle for ten."""


class SingleStarts(DenoSandbox):
    """One whose template ends at once, so that each child is started by itself."""

    def _settings(self, environment: SandboxEnvironment | None) -> dict[str, Any]:
        return super()._settings(environment) | {"template": ["deno", "--version"]}


def place_of(up: Underpass) -> DenoSandbox:
    """Where programs in TypeScript run."""
    place: Any = up._runner._languages["typescript"]
    assert isinstance(place.sandbox, DenoSandbox)
    return place.sandbox


def zygote_of(place: DenoSandbox) -> DenoZygoteProcess:
    """The zygote at work."""
    zygote = place._zygotes[None]
    assert isinstance(zygote, DenoZygoteProcess)
    return zygote


def templates_of(place: DenoSandbox) -> list[int]:
    """The warm processes of a sandbox: children of its zygote that are none of its sandboxes."""
    zygote = zygote_of(place)._control._process.pid
    children = map(int, about(zygote, f"task/{zygote}/children").split())
    # A sandbox has a second number, in the namespace that it is alone in.
    alone = re.compile(r"^State:\t[^Z](?s:.*)^NSpid:\t\d+$", re.MULTILINE)
    return [child for child in children if alone.search(about(child, "status"))]


def about(process: int, what: str) -> str:
    """What the kernel says of a process; nothing when it has ended."""
    try:
        return Path(f"/proc/{process}/{what}").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _threads(process: int) -> int:
    try:
        return len(list(Path(f"/proc/{process}/task").iterdir()))
    except FileNotFoundError:
        return 0


async def begin_to_fork(place: DenoSandbox) -> None:
    """Use a sandbox until it has begun to warm a template, and nothing else is under way."""
    with anyio.fail_after(_PATIENCE):
        while not place._zygotes or not templates_of(place):
            (await place.lease("warm-up")).release()
        zygote = zygote_of(place)
        await _until(lambda: not zygote.asked and not zygote.at_work)


async def until_forked(place: DenoSandbox) -> DenoZygoteProcess:
    """Use a sandbox until every child that it leases from then on is forked."""
    with anyio.fail_after(_PATIENCE):
        await begin_to_fork(place)
        while not zygote_of(place).has_template:
            # The kernel tells nobody of a thread's end.
            await _until(lambda: all(_threads(each) <= 1 for each in templates_of(place)))
            (await place.lease("warm-up")).release()
        # Those that were started one by one go first.
        while await _is_single(place):
            pass
    return zygote_of(place)


async def _until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await anyio.sleep(0.02)


async def _is_single(place: DenoSandbox) -> bool:
    """Lease one child, and say whether it executed Deno itself: then it says so in its arguments."""
    child = await place.lease("warm-up")
    try:
        return "template" not in about(child.process, "cmdline")
    finally:
        child.release()
