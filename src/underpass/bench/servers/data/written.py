"""The data of each server as a file or a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
"""The servers that have data."""


def written(folder: Path, name: str) -> Path:
    """Put a server's data below ``folder``, and return where it is."""
    match name:
        case "terraphim" | "files":
            path = folder / name
            write_files(path, files.made() if name == "files" else knowledge.made())
        case "warehouse":
            path = folder / f"{name}.sqlite"
            warehouse.write(path)
        case _:
            path = folder / f"{name}.json"
            write_json(path, _AS_JSON[name]())
    return path
