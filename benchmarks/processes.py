"""What ``/proc`` tells about the processes of a sandbox."""

from __future__ import annotations

import os
from pathlib import Path


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
