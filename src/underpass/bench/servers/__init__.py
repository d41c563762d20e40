"""Servers whose tools the tasks call: real ones over stdio, with made-up data.

Each is a program of its own, ``python -m underpass.bench.servers.NAME PATH``; the knowledge graph is the server
that comes with Underpass.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from underpass.bench.servers.data.written import NAMES, written

__all__ = ["NAMES", "configuration"]


def configuration(folder: Path, names: Collection[str]) -> dict[str, Any]:
    """Make the data of servers, and return the configuration that starts them.

    Parameters:
        folder: where the data is put; made if absent. What is there of an earlier call is replaced.
        names: some of ``NAMES``, or ``m3tooleval``, which the tasks of ``bench.m3`` need.

    Returns:
        ``{"mcpServers": {...}}``, as ``Underpass.open`` takes it.
    """
    folder = folder.absolute()
    return {
        "mcpServers": {name: {"command": sys.executable, "args": _arguments(folder, name)} for name in names}
    }


def _arguments(folder: Path, name: str) -> list[str]:
    if name == "m3tooleval":
        return ["-m", "underpass.bench.m3.server"]
    path = written(folder, name)
    if name == "terraphim":
        start = "from terraphim.cli import main; main()"
        folders = {"--kg": "kg", "--haystack": "notes", "--cache": "cache"}
        return ["-c", start, *(each for option, of in folders.items() for each in (option, str(path / of)))]
    return ["-m", f"underpass.bench.servers.{name}", str(path)]
