"""Catalogs of the servers that tests use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.servers.real import command

from underpass.catalog import Catalog
from underpass.config import CallLimits, ServerSettings

HOSTILE = Path(__file__).with_name("hostile.py")


def hostile(*behaviour: str, **entry: Any) -> dict[str, Any]:
    """The entry of a hostile server."""
    return {"command": sys.executable, "args": [str(HOSTILE), *behaviour], **entry}


def catalog(
    *, start_timeout: float = 30.0, max_result_bytes: int = 64_000_000, timeout: float = 30.0, **servers: Any
) -> Catalog:
    """A catalog of servers by name."""
    return Catalog(
        servers,
        settings=ServerSettings(start_timeout=start_timeout),
        limits=CallLimits(timeout=timeout, max_result_bytes=max_result_bytes),
    )


def real(name: str, *args: str) -> dict[str, Any]:
    """The entry of a real server."""
    return {"command": command(name), "args": list(args)}
