"""Tells other processes of this machine where the service is: `underpass dashboard` asks."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from underpass.broker.journal.presence import Presence
from underpass.catalog.edit import write_atomically

_FOLDER: Final = "service"
_FILE: Final = "address.json"


@contextmanager
def noticed(state: Path, url: str) -> Generator[None]:
    """Say where the service is for as long as the context is open. It is for people alone: it may fail."""
    folder = state / _FOLDER
    presence = Presence(folder)
    with suppress(OSError):
        presence.take()
        write_atomically(folder / _FILE, json.dumps({"url": url, "host": presence.name}))
    try:
        yield
    finally:
        with suppress(OSError):
            presence.leave()


def read_notice(state: Path) -> str | None:
    """Return the address of the service that began last, without a path; None where it has ended."""
    folder = state / _FOLDER
    try:
        said: dict[str, Any] = json.loads((folder / _FILE).read_bytes())
        return str(said["url"]) if Presence(folder).lives(str(said["host"])) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
