"""What ``/proc`` tells about the processes of a sandbox, and about everybody else's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

_TICK = 1e3 / os.sysconf("SC_CLK_TCK")
"""Milliseconds of one unit of processor time."""


def children(process: int) -> list[int]:
    """The processes that ``process`` has started and not yet waited for."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found


def zygotes() -> list[int]:
    """The zygotes of this process."""
    return [
        process
        for process in children(os.getpid())
        if b"zygote.py" in Path(f"/proc/{process}/cmdline").read_bytes()
    ]


def memory(process: int, field: str = "Pss") -> int:
    """One field of the process's memory, all mappings together, in bytes."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


@dataclass(frozen=True, slots=True)
class Cost:
    """What this process, its zygotes and their ended children have used so far."""

    host_ms: float
    zygote_ms: float
    template_ms: float
    child_ms: float
    zygote_faults: float
    child_faults: float

    def since(self, before: Cost, runs: int) -> Cost:
        """What each of ``runs`` runs has used since ``before``."""
        names = [field.name for field in fields(self)]
        return Cost(**{name: (getattr(self, name) - getattr(before, name)) / runs for name in names})


def cost() -> Cost:
    """Read it; the kernel adds a child's use to the zygote's when the zygote has waited for it."""
    zygote = [_stat(process) for process in zygotes()]
    own = _stat(os.getpid())
    return Cost(
        host_ms=(own["utime"] + own["stime"]) * _TICK,
        zygote_ms=sum(each["utime"] + each["stime"] for each in zygote) * _TICK,
        template_ms=sum(_template_ms(process) for process in zygotes()),
        child_ms=sum(each["cutime"] + each["cstime"] for each in zygote) * _TICK,
        zygote_faults=sum(each["minflt"] for each in zygote),
        child_faults=sum(each["cminflt"] for each in zygote),
    )


def _template_ms(zygote: int) -> float:
    """What a process has used from which a zygote has others forked: no sandbox, so in our own namespace."""
    own, used = Path("/proc/self/ns/pid").readlink(), 0.0
    for process in children(zygote):
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{process}/ns/pid").readlink() == own:
                stat = _stat(process)
                used += (stat["utime"] + stat["stime"]) * _TICK
    return used


class Others:
    """How much of the processors everyone but this process and its descendants takes, from now on."""

    def __init__(self) -> None:
        self._begun = self._read()

    def share(self) -> float:
        """Their share so far, from 0 to 1."""
        total, busy, ours = (now - then for now, then in zip(self._read(), self._begun, strict=True))
        return max(busy - ours, 0) / total

    def _read(self) -> tuple[int, int, int]:
        # The first line's first eight columns: user, nice, system, idle, iowait, irq, softirq, steal.
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        spent = list(map(int, line.split()[1:9]))
        return sum(spent), sum(spent) - spent[3] - spent[4], _with_descendants(os.getpid())


def _with_descendants(process: int) -> int:
    try:
        stat, below = _stat(process), children(process)
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has ended since, and counts with its parent
    own = stat["utime"] + stat["stime"] + stat["cutime"] + stat["cstime"]
    return own + sum(map(_with_descendants, below))


# proc_pid_stat(5), counted from the state, which follows the name.
_FIELDS = {"minflt": 7, "cminflt": 8, "utime": 11, "stime": 12, "cutime": 13, "cstime": 14}


def _stat(process: int) -> Mapping[str, int]:
    values = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return {name: int(values[at]) for name, at in _FIELDS.items()}
