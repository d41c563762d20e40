"""Servers whose tools the tasks call: real ones over stdio, with made-up data.

Each is a program of its own, ``python -m underpass.bench.servers.NAME FOLDER``; the knowledge graph is the one that
comes with Underpass.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from underpass.bench.servers.data import crm, documents, finance, shop, weather
from underpass.bench.servers.store import write_json

_MADE = {
    "crm": crm.made,
    "documents": documents.made,
    "finance": finance.made,
    "shop": shop.made,
    "weather": weather.made,
}

NAMES = tuple(_MADE)
"""All servers."""


def configuration(folder: Path, names: Collection[str]) -> dict[str, Any]:
    """Make the data of servers, and return the configuration that starts them.

    Parameters:
        folder: where the data is put; made if absent. What is there of an earlier call is replaced.
        names: some of ``NAMES``.

    Returns:
        ``{"mcpServers": {...}}``, as ``Underpass.open`` takes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {"mcpServers": {name: _server(folder, name) for name in names}}


def _server(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    write_json(path, _MADE[name]())
    return {"command": sys.executable, "args": ["-m", f"underpass.bench.servers.{name}", str(path)]}
