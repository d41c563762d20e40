"""What a host process and its sandboxes leave in the system, as the kernel tells it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import anyio


@dataclass(frozen=True, slots=True)
class Traces:
    """A picture of everything that a run could leave behind."""

    processes: int
    """Below this process, at any depth."""
    zombies: int
    descriptors: int
    """Of this process."""
    zygote_descriptors: tuple[int, ...]
    threads: int
    """Of this process."""
    mounts: frozenset[str]
    """As this process sees them."""
    zygote_mounts: tuple[frozenset[str], ...]
    control_groups: frozenset[str]
    """That this process has made."""
    memory: int
    """That this process holds, in bytes."""
    zygote_memory: int
    """That its zygotes hold, in bytes."""


def taken(others: Collection[int] = ()) -> Traces:
    """Take the picture.

    Parameters:
        others: children that have nothing to do with the runs, such as a service that other tests share.
    """
    gc.collect()
    own = os.getpid()
    family = below(own, but=others)
    own_children = [process for process in children(own) if process not in others]
    zygotes = [process for process in own_children if b"zygote.py" in _read(process, "cmdline")]
    return Traces(
        processes=len(family),
        zombies=sum(b"\nState:\tZ" in _read(process, "status") for process in family),
        descriptors=_descriptors(own),
        zygote_descriptors=tuple(map(_descriptors, zygotes)),
        threads=len(list(Path("/proc/self/task").iterdir())),
        mounts=_mounts(own),
        zygote_mounts=tuple(map(_mounts, zygotes)),
        control_groups=control_groups(),
        memory=_resident(own),
        zygote_memory=max(map(_resident, zygotes), default=0),
    )


def still_there(processes: list[int]) -> list[int]:
    """Those that have not ended, or that nobody has waited for."""
    return [process for process in processes if Path(f"/proc/{process}").exists()]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the kernel tells nobody about. Raises ``TimeoutError``."""
    for _ in range(1_000):
        if condition():
            return
        await anyio.sleep(0.01)
    raise TimeoutError


def children(process: int) -> list[int]:
    """The processes that it has begun."""
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []


def control_groups() -> frozenset[str]:
    """The groups that this process has made, and not removed."""
    return frozenset(map(str, Path("/sys/fs/cgroup").rglob(f"underpass-{os.getpid()}-*")))


def below(process: int, but: Collection[int] = ()) -> list[int]:
    """Its children, their children, and so on; without some, and what is below them."""
    found = [child for child in children(process) if child not in but]
    return found + [other for child in found for other in below(child)]


def _read(process: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{name}").read_bytes()
    except OSError:
        return b""


def _descriptors(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def _mounts(process: int) -> frozenset[str]:
    return frozenset(_read(process, "mountinfo").decode().splitlines())


def _resident(process: int) -> int:
    return int(_read(process, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
