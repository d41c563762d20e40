"""Servers whose tools the tasks call: real ones over stdio, with made-up data.

Each is a program of its own, ``python -m underpass.bench.servers.NAME PATH``; the knowledge graph is the server
that comes with Underpass.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from underpass.bench.servers.data import (
    calendar,
    crm,
    documents,
    exchange,
    files,
    finance,
    knowledge,
    mail,
    monitoring,
    people,
    shop,
    tracker,
    warehouse,
    weather,
)
from underpass.bench.servers.store import write_files, write_json

_AS_JSON: Final[Mapping[str, Callable[[], Any]]] = {
    "calendar": calendar.made,
    "crm": crm.made,
    "documents": documents.made,
    "exchange": exchange.made,
    "finance": finance.made,
    "mail": mail.made,
    "monitoring": monitoring.made,
    "people": people.made,
    "shop": shop.made,
    "tracker": tracker.made,
    "weather": weather.made,
}

NAMES: Final = (*_AS_JSON, "files", "warehouse", "terraphim")
"""The servers of our own tasks."""


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
    if name == "terraphim":
        write_files(folder / name, knowledge.made())
        start = "from terraphim.cli import main; main()"
        folders = {"--kg": "kg", "--haystack": "notes", "--cache": "cache"}
        paths = (each for option, of in folders.items() for each in (option, str(folder / name / of)))
        return ["-c", start, *paths]
    if name == "m3tooleval":
        return ["-m", "underpass.bench.m3.server"]
    if name == "files":
        path = folder / name
        write_files(path, files.made())
    elif name == "warehouse":
        path = folder / f"{name}.sqlite"
        warehouse.write(path)
    else:
        path = folder / f"{name}.json"
        write_json(path, _AS_JSON[name]())
    return ["-m", f"underpass.bench.servers.{name}", str(path)]
